"""Worker maintenance: requeue lost jobs, kill overdue ones, and start to delete those that have expired."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from contextlib import suppress
from threading import Event, Thread

from celery.worker import state
from redis import RedisError

from greeter.jobs import redis_check
from greeter.jobs.cleaner import Cleaner
from greeter.jobs.containment import end_pool
from greeter.jobs.errors import UNAVAILABLE
from greeter.jobs.intake import Intake
from greeter.jobs.meter import Meter
from greeter.jobs.runner import Runner
from greeter.jobs.service import JobService
from greeter.toolkit.process_trees import kill_trees

log = logging.getLogger(__name__)

_SWEEP_INTERVAL = 5  # seconds
_STOP_TIME = 2  # seconds in which the processes of a worker that is stopping end on their own


class Sweeper:
    """Maintenance in the main process of a worker. Every worker does it, and each step may run twice.

    Attributes:
        worker: The id of this worker.
    """

    def __init__(
        self, jobs: JobService, worker: str, queues: Collection[str] = (), tools: Collection[str] = ()
    ) -> None:
        self._jobs = jobs
        self.worker = worker
        self._tools = tools
        self.intake = Intake(queues)
        self._problem: str | None = None
        self._risk = ""
        self._stale: set[tuple[str, str]] = set()
        self._cleaner, self._meter = Cleaner(jobs), Meter(jobs)
        self._next_sweep = 0.0
        self._stopping, self._stopped = Event(), Event()
        self._releasing = Thread(target=self._release, name="release", daemon=True)

    def run(self) -> None:
        """Send the worker's heartbeat, and sweep when it is time. Called every two seconds."""
        now = time.monotonic()
        try:
            self._check_fitness()
            self._send_heartbeat()
            if now >= self._next_sweep:
                self._next_sweep = now + _SWEEP_INTERVAL
                self._sweep()
        except UNAVAILABLE as error:
            self._stale = set()
            log.warning("Redis is unavailable: %s", error)

    def _check_fitness(self) -> None:
        """Take jobs only while the pool processes can run them."""
        problem = self._jobs.fitness.last_problem() or self.intake.problem
        if problem != self._problem:
            log.error("this worker takes no jobs: %s", problem) if problem else log.info("this worker takes jobs again")
        self._problem = problem
        self.intake.allow(not problem)

    def _send_heartbeat(self) -> None:
        queues = [] if self._problem else self.intake.queues
        send = self._jobs.store.worker_heartbeat
        _kill(send(self.worker, queues, self._tools, _active_jobs(), self._problem or ""))

    def _check_redis(self) -> None:
        """Warn when the configuration of Redis starts to endanger jobs: it can change while this worker runs."""
        risk = redis_check.risk(self._jobs.store.redis)
        if risk != self._risk:
            log.warning("%s", risk or "The configuration of Redis no longer endangers jobs.")
        self._risk = risk

    def _sweep(self) -> None:
        # A job is requeued only if two sweeps in a row find it stale. The first may come right after the whole machine
        # was suspended, before a healthy worker could send a heartbeat.
        previous, self._stale = self._stale, set(self._jobs.store.stale())
        for job_id, worker in previous & self._stale:
            self._jobs.requeue(job_id, Runner(worker), stale=True)
        self._jobs.store.dispatch()
        self._check_redis()
        _kill(self._meter.ended)
        if not self._problem:
            self._cleaner.start()
            self._meter.start(self.worker, _active_jobs())

    def prepare_release(self) -> None:
        """Start the thread for release(), because the system may refuse to start one when the worker stops."""
        self._releasing.start()

    def release(self) -> None:
        """End the jobs of this worker, which is stopping, and requeue them without counting the attempt.

        This is done in a thread, because a signal handler calls it, and may interrupt code that holds a lock.
        """
        self._stopping.set()

    def wait_for_release(self) -> None:
        """Wait until the jobs are requeued, if release() was called. The processes of the pool have ended."""
        if self._stopping.is_set():
            self._stopped.set()
            self._releasing.join()

    def _release(self) -> None:
        self._stopping.wait()
        while state.should_stop is None and state.should_terminate is None:
            time.sleep(0.01)  # until it takes no new jobs
        jobs = _active_jobs()
        _kill(jobs)
        self._return(jobs)
        while not self._stopped.wait(_STOP_TIME):
            # Celery still waits for a process that it has just sent a job, although it has dropped that job.
            end_pool()
            with suppress(RedisError):
                self._return(
                    [job for job, runner in self._jobs.store.running().items() if runner.worker == self.worker]
                )

    def _return(self, jobs: list[str]) -> None:
        for job_id in jobs:
            with suppress(RedisError):  # then a sweep of another worker finds it
                self._jobs.requeue(job_id, Runner(self.worker), counted=False)


def _active_jobs() -> list[str]:
    return [str(request.id) for request in state.active_requests]


def _kill(jobs: Collection[str]) -> None:
    """Kill the processes that run these jobs, and end their descendants."""
    requests = [request for request in state.active_requests if request.id in jobs]
    kill_trees(*(request.worker_pid for request in requests if request.worker_pid))
