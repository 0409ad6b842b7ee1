"""Measure the files of the jobs that a worker runs, and end those that take too much space."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from celery.states import FAILURE
from kombu.utils.json import dumps

from greeter.jobs.errors import TOO_MANY_BYTES, UNAVAILABLE, failure_result
from greeter.jobs.probe import Probe
from greeter.jobs.runner import Runner
from greeter.jobs.service import JobService
from greeter.toolkit.errors import ToolError

log = logging.getLogger(__name__)


class Meter:
    """Measures in a thread, because a network disk may be slow.

    Attributes:
        ended: The jobs that the last measurement has ended. Their processes have to be killed, unless they have
            noticed it.
    """

    def __init__(self, jobs: JobService) -> None:
        self._jobs = jobs
        self._runner, self._running = Runner(), list[str]()
        self.ended: Sequence[str] = ()
        self._call = Probe(self.measure)

    def start(self, worker: str, running: list[str]) -> None:
        """Start to measure the jobs that a worker runs, unless that is under way or has just started."""
        self._runner, self._running = Runner(worker), running
        self._call.refresh()

    def measure(self) -> None:
        """Measure the jobs. Exceptions are logged."""
        try:
            for job_id in self.ended:
                self._jobs.store.quota.measure(job_id)  # with what it wrote until it was killed
            self.ended = [job_id for job_id in self._running if self._ends(job_id)]
        except UNAVAILABLE as error:
            log.warning("Redis is unavailable, so running jobs are not measured: %s", error)
        except Exception:
            log.exception("cannot measure the running jobs")

    def _ends(self, job_id: str) -> bool:
        if not self._jobs.store.quota.measure_running(job_id, self._runner):
            return False
        log.warning("ended job %s: the jobs of its client take more than MAX_CLIENT_BYTES", job_id[:8])
        self._jobs.end(job_id, self._runner, FAILURE, {"result": dumps(failure_result(ToolError(TOO_MANY_BYTES)))})
        return True
