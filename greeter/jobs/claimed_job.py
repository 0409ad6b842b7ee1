"""A job that this process has claimed."""

from __future__ import annotations

from dataclasses import dataclass

from celery.states import FAILURE
from kombu.utils.json import dumps

from greeter.jobs.errors import failure_result
from greeter.jobs.progress import Report
from greeter.jobs.runner import Order, Runner
from greeter.jobs.service import JobService


@dataclass(frozen=True)
class ClaimedJob:
    """The record of a job, for the process that runs it. Methods raise redis.RedisError when Redis is unavailable."""

    jobs: JobService
    job_id: str
    runner: Runner

    def report(self, report: Report) -> None:
        """Store the progress and the end of the log."""
        self.jobs.store.report_progress(self.job_id, self.runner, report)

    def heartbeat(self) -> Order:
        """Send a heartbeat, and return what to do."""
        return self.jobs.store.heartbeat(self.job_id, self.runner)

    def fail(self, error: Exception) -> None:
        """End the job with an error. A job that was cancelled ends as cancelled."""
        self.jobs.end(self.job_id, self.runner, FAILURE, {"result": dumps(failure_result(error))})
