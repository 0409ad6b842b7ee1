"""What a thread does while a tool runs: report the progress of its job, send heartbeats, and enforce limits."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from time import monotonic, sleep  # a tool may replace those of the module
from typing import TypeVar

import redis
from celery.exceptions import TimeLimitExceeded
from celery.states import FAILURE
from kombu.utils.json import dumps

from greeter.jobs.failures import failure_result
from greeter.jobs.records.upkeep import CANCEL_TIMEOUT
from greeter.jobs.runner import Claim, HeartbeatReply
from greeter.jobs.service import JobService
from greeter.jobs.worker.interrupts import SOFT_LIMIT_SIGNAL
from greeter.jobs.worker.ticker import Ticker
from greeter.toolkit.job import Job
from greeter.toolkit.steps import Progress

Reply = TypeVar("Reply")

_INTERVAL = 0.34  # seconds between reports: with the final one, at most four in any second
_REPORTS_PER_HEARTBEAT = 3
_GRACE = 2  # seconds after which the hard limit, which Celery should have enforced, is enforced here

_ticker = Ticker(_INTERVAL)


def start_reporting() -> None:
    """Start the thread before a job is claimed. Raises RuntimeError if the system refuses to start one."""
    _ticker.start()


@contextmanager
def reporting(
    job: Job, claim: Claim, jobs: JobService, soft_limit: float, hard_limit: float
) -> Iterator[Callable[[], bool]]:
    """Report the progress of a job whenever it has changed, and send its heartbeats, while the body runs.

    When the job is cancelled or reaches its soft limit, SoftTimeLimitExceeded is raised in the tool, which can return
    what it has. If it does not return, or the job was given to another process, this process is killed. Celery enforces
    the hard limit as well: it can end a process that is suspended, but not while the main process of the worker hangs.

    The final report waits until Redis is available, because it belongs to the result, which waits too.

    Args:
        job: The job that the tool works on.
        claim: The same job, as this process has claimed it.
        jobs: The job service.
        soft_limit: Seconds until the soft limit.
        hard_limit: Seconds until the hard limit.

    Yields:
        A function that returns whether the job has reached its soft limit or was cancelled.
    """
    reporter = _Reporter(job, claim, jobs, soft_limit, hard_limit)
    try:
        with _ticker.calling(reporter.tick):
            yield reporter.is_due
    finally:
        retry_until_available(reporter.report)


class _Reporter:
    def __init__(self, job: Job, claim: Claim, jobs: JobService, soft_limit: float, hard_limit: float) -> None:
        self._job, self._jobs, self._claimed = job, jobs, (claim.job_id, claim.runner)
        self._reported: tuple[Progress | None, str] = (None, "")
        start = monotonic()
        self._interrupt_at = start + soft_limit
        self._kill_at = start + hard_limit + _GRACE
        self._interrupted = False
        self._ticks = 0

    def tick(self) -> None:
        """Report, and from time to time send a heartbeat."""
        self._ticks += 1
        with suppress(redis.RedisError, MemoryError):  # try again next time
            self._enforce_limits()
            self.report()
            if self._ticks % _REPORTS_PER_HEARTBEAT == 0:
                self._apply(self._jobs.store.runs.heartbeat(*self._claimed))

    def is_due(self) -> bool:
        """Return whether the tool has to stop."""
        return monotonic() >= self._interrupt_at

    def report(self) -> None:
        """Report the progress and the end of the log if they have changed."""
        state = (self._job.progress, self._job.last_lines)
        if state != self._reported:
            progress, log = state
            lines = {"log": log} if log else {}
            report = {**(progress or {}), "seconds": self._job.seconds, **lines}
            self._jobs.store.runs.report_progress(*self._claimed, report)
            self._reported = state

    def _apply(self, reply: HeartbeatReply) -> None:
        if reply == HeartbeatReply.ABANDON:
            _kill_this_process()
        if reply == HeartbeatReply.CANCEL:
            now = monotonic()
            self._interrupt_at = min(self._interrupt_at, now)
            self._kill_at = min(self._kill_at, now + CANCEL_TIMEOUT)
            self._enforce_limits()

    def _enforce_limits(self) -> None:
        if self.is_due() and not self._interrupted:
            self._interrupted = True
            self._job.stop_programs()
            signal.pthread_kill(threading.main_thread().ident or 0, SOFT_LIMIT_SIGNAL)
        if monotonic() >= self._kill_at:
            # A job that was cancelled ends as cancelled.
            self._jobs.end(*self._claimed, FAILURE, {"result": dumps(failure_result(TimeLimitExceeded()))})
            _kill_this_process()


def _kill_this_process() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def retry_until_available(call: Callable[[], Reply]) -> Reply:
    """Call a function that uses Redis, every second until it succeeds."""
    while True:
        try:
            return call()
        except redis.RedisError:
            sleep(1)
