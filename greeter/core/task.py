"""Celery's side of a tool: the task that runs its function, and the thread that tells how far it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from celery import Task
from celery.exceptions import SoftTimeLimitExceeded

from greeter.core.errors import OUT_OF_MEMORY, ToolError
from greeter.core.job import Job
from greeter.core.tool import Tool

if TYPE_CHECKING:
    from greeter.core.queue import Queue

_SECONDS_BETWEEN_REPORTS = 0.25


class ToolTask(Task):  # type: ignore[type-arg]
    """Runs a tool's function. Its message carries the id alone; the parameters are in the job's record."""

    app: Queue
    throws = (ToolError, SoftTimeLimitExceeded)  # not our bugs: the log needs no traceback of them
    resultrepr_maxsize = 1  # what a user gets is nobody else's: not for the log, not for Flower

    def __init__(self, tool: Tool, soft_time_limit: int, grace: int) -> None:
        self.tool = tool
        self.name = tool.name
        self.soft_time_limit = tool.soft_time_limit or soft_time_limit
        self.time_limit = self.soft_time_limit + grace

    def run(self) -> dict[str, Any]:
        """Run the tool for the job that has the task's id."""
        job_id = str(self.request.id)
        job = Job(self.app.store.folder(job_id))
        params = self.app.store.params(job_id)
        with reporting(job, partial(self.update_state, job_id, "PROGRESS")):
            try:
                return self.tool(job, **params)
            except MemoryError:  # as it is, it would end the whole worker (celery/celery#10462)
                raise ToolError(OUT_OF_MEMORY) from None


@contextmanager
def reporting(job: Job, report: Callable[[dict[str, Any]], None]) -> Iterator[None]:
    """Report the job's progress when it has changed, four times a second and at the end."""
    reported: dict[str, Any] | None = None
    ended = Event()

    def report_if_changed() -> None:
        nonlocal reported
        if (progress := job.progress) and progress != reported:
            report(progress)
            reported = progress

    def keep_reporting() -> None:
        while not ended.wait(_SECONDS_BETWEEN_REPORTS):
            report_if_changed()

    reporter = Thread(target=keep_reporting, name="reporter", daemon=True)
    reporter.start()
    try:
        yield
    finally:
        ended.set()
        reporter.join()
        report_if_changed()
