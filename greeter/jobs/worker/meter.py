"""Measure the files of the jobs that a worker runs, and end those that take too much space."""

import logging
import time
from threading import Thread

from celery.states import FAILURE
from kombu.utils.json import dumps

from greeter.jobs.errors import UNAVAILABLE
from greeter.jobs.failures import TOO_MANY_BYTES, failure_result
from greeter.jobs.runner import Runner
from greeter.jobs.service import JobService
from greeter.jobs.worker.active_jobs import active_jobs, kill_jobs
from greeter.toolkit.errors import ToolError

log = logging.getLogger(__name__)

_INTERVAL = 5  # seconds
_RESULT = dumps(failure_result(ToolError(TOO_MANY_BYTES)))


class Meter:
    """Measures in a thread of the main process, which goes on while the main thread waits for Redis.

    A job that takes too much is killed even while Redis is unavailable, and its end is stored later. If the job was
    requeued in the meantime, its new attempt is killed if it runs on this worker; on another worker, it is measured as
    usual.
    """

    def __init__(self, jobs: JobService) -> None:
        self._jobs = jobs
        self._runner = Runner()
        self._excessive = set[str]()  # ids of jobs to kill; their failure may not be stored yet

    def start(self, worker: str) -> None:
        """Start to measure the jobs of the worker with this id."""
        self._runner = Runner(worker)
        Thread(target=self._run, name="meter", daemon=True).start()

    def measure(self) -> None:
        """Measure the jobs that run now, and end those that take too much. Exceptions are logged."""
        try:
            try:
                self._find_excessive()
                for job_id in self._excessive:  # before the process is killed, which could requeue the job
                    self._jobs.end(job_id, self._runner, FAILURE, {"result": _RESULT})
            finally:
                kill_jobs(self._excessive)
            for job_id in self._excessive:
                self._jobs.store.quota.measure(job_id)  # again, because it wrote until it was killed
            self._excessive.clear()
        except UNAVAILABLE as error:
            log.warning("Redis is unavailable, so only jobs that alone take too much are killed: %s", error)
        except Exception:
            log.exception("cannot measure the running jobs")

    def _run(self) -> None:
        while True:
            time.sleep(_INTERVAL)
            self.measure()

    def _find_excessive(self) -> None:
        quota, jobs = self._jobs.store.quota, active_jobs()
        try:
            for job_id in jobs:
                if quota.measure_running(job_id, self._runner):
                    self._add(job_id)
        except UNAVAILABLE:
            for job_id in filter(quota.exceeds_alone, jobs):
                self._add(job_id)
            raise

    def _add(self, job_id: str) -> None:
        if job_id not in self._excessive:
            log.warning("ending job %s: the jobs of its client take more than MAX_CLIENT_BYTES", job_id[:8])
        self._excessive.add(job_id)
