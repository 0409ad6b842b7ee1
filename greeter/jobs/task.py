"""Celery's side of a tool: the task that runs its function, and the thread that stays in touch while it does."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from importlib.metadata import version
from platform import python_version
from typing import TYPE_CHECKING, Any, TypeVar

import redis
from billiard.pool import soft_timeout_sighandler
from celery import Task
from celery.exceptions import Ignore, SoftTimeLimitExceeded

from greeter.jobs.errors import OUT_OF_MEMORY, explain
from greeter.logs import JOB, REQUEST
from greeter.toolkit.errors import ToolError
from greeter.toolkit.job import Job
from greeter.toolkit.tool import Tool
from greeter.version import __version__

if TYPE_CHECKING:
    from greeter.jobs.service import Queue

Answer = TypeVar("Answer")

log = logging.getLogger(__name__)

_SECONDS_BETWEEN_REPORTS = 0.34  # with the last one at the end, at most four in any second
_REPORTS_A_BEAT = 3


class ToolTask(Task):  # type: ignore[type-arg]
    """Runs a tool's function. Its message carries the id alone; the parameters are in the job's record."""

    app: Queue
    throws = (ToolError, SoftTimeLimitExceeded)  # not our bugs: the log needs no traceback of them
    resultrepr_maxsize = 1  # what a user gets is nobody else's: not for the log, not for Flower

    def __init__(self, tool: Tool, soft_time_limit: int, grace: int) -> None:
        self.tool = tool
        self.name = tool.name
        self.versions = {"greeter": __version__, "Python": python_version()}
        self.versions |= {library: version(library) for library in tool.libraries}
        self.soft_time_limit = tool.soft_time_limit or soft_time_limit
        self.time_limit = self.soft_time_limit + grace

    def run(self) -> dict[str, Any]:
        """Run the tool for the job that has the task's id, unless the job does not wait any more."""
        job_id = str(self.request.id)
        JOB.set(job_id[:8])
        REQUEST.set(self.request.get("request_id") or "")
        mine = (job_id, self.app.worker_id, self.app.process)
        # The message is gone, so only a clear answer will do.
        params = _when_redis_is_there(lambda: self.app.store.claim(*mine, self.versions))
        if params is None:
            raise Ignore
        self.app.tell("began", job_id)
        job = Job(self.app.store.folders.of(job_id))
        with staying_in_touch(job, partial(self.app.store.report, *mine), partial(self.app.store.beat, *mine)):
            return self._call(job, params)

    def _call(self, job: Job, params: dict[str, Any]) -> dict[str, Any]:
        """Call the tool, and let the time limit and a cancel strike it and nothing else."""
        signal.signal(signal.SIGUSR1, soft_timeout_sighandler)
        try:
            result = self.tool(job, **params)
        except MemoryError:  # as it is, it would end the whole worker (celery/celery#10462)
            raise ToolError(OUT_OF_MEMORY) from None
        except SystemExit as end:  # it would end the process, which counts as lost
            raise RuntimeError(f"the tool left by sys.exit({end.code!r})") from None
        finally:
            signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # what tells the end may have to wait for Redis
        if not isinstance(result, dict):
            raise TypeError(f"a tool returns a dict, and this one a {type(result).__name__}")
        return result

    def on_failure(self, exc: Exception, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        """Tell the log where a bug is; the sentence for the user is told already."""
        if explain(exc) is None:
            log.error("bug in the tool %s", self.name, exc_info=exc)


@contextmanager
def staying_in_touch(
    job: Job, report: Callable[[dict[str, Any]], None], beat: Callable[[], str | None]
) -> Iterator[None]:
    """Report the job's progress when it has changed, and obey what the beats answer, while the body runs.

    The last report waits for a Redis that is away, as the end of the job would: what they say belongs together.

    "cancel" raises SoftTimeLimitExceeded in the tool, which returns what it has; None, for a job that was given to
    another worker, ends this process at once.
    """
    reported: dict[str, Any] | None = None
    ended = threading.Event()

    def report_if_changed() -> None:
        nonlocal reported
        if (progress := job.progress) and progress != reported:
            report(progress | {"seconds": job.seconds})
            reported = progress

    def keep_in_touch() -> None:
        answer: str | None = "running"
        count = 0
        while not ended.wait(_SECONDS_BETWEEN_REPORTS):
            count += 1
            with suppress(redis.RedisError):  # away for now
                report_if_changed()
                if count % _REPORTS_A_BEAT == 0 and answer == "running":
                    answer = beat()
                    _obey(answer)

    thread = threading.Thread(target=keep_in_touch, name="in touch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        _when_redis_is_there(report_if_changed)


def _obey(answer: str | None) -> None:
    if answer == "cancel":
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)  # as Celery does at the soft limit
    elif answer is None:
        os.kill(os.getpid(), signal.SIGKILL)


def _when_redis_is_there(call: Callable[[], Answer]) -> Answer:
    while True:
        try:
            return call()
        except redis.RedisError:
            time.sleep(1)
