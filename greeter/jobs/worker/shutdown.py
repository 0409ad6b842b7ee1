"""What becomes of the jobs of a worker that is asked to stop."""

import logging
import time
from collections.abc import Callable
from queue import SimpleQueue
from threading import Event, Thread

from celery.worker import state
from redis import RedisError

from greeter.jobs.runner import Runner
from greeter.jobs.service import JobService
from greeter.jobs.worker.active_jobs import active_jobs, kill_jobs
from greeter.jobs.worker.containment import exit_at_once, kill_pool

log = logging.getLogger(__name__)

_STOP_TIME = 2  # seconds in which the processes of a worker that is stopping end on their own


class Shutdown:
    """Ends the jobs of a worker that is stopping, and requeues them without counting the attempt.

    This is done in a thread, because a signal handler starts it, and may interrupt code that holds a lock.
    """

    def __init__(self, jobs: JobService, also: Callable[[], object]) -> None:
        """End these jobs; `also` is called first, in the thread too."""
        self._jobs, self._also = jobs, also
        self._worker = ""
        self._signals: SimpleQueue[None] = SimpleQueue()
        self._is_stopping, self._stopped = False, Event()
        self._thread = Thread(target=self._run, name="shutdown", daemon=True)

    def prepare(self, worker: str) -> None:
        """Start the thread for the worker with this id: the system may refuse to start one when the worker stops."""
        self._worker = worker
        self._thread.start()

    def start(self) -> None:
        """Start to end the jobs."""
        # Another signal may interrupt this, and would wait forever for the lock of an Event.
        self._is_stopping = True
        self._signals.put(None)

    def wait(self) -> None:
        """Wait until the jobs are requeued, if start() was called. The processes of the pool have ended."""
        if self._is_stopping:
            self._stopped.set()
            self._thread.join()

    def _run(self) -> None:
        self._signals.get()
        self._also()
        log.info("this worker stops")
        while state.should_stop is None and state.should_terminate is None:
            time.sleep(0.01)  # until it takes no new jobs
        jobs = active_jobs()
        kill_jobs(jobs)
        self._requeue(jobs)
        while not self._stopped.wait(_STOP_TIME):
            # Celery still waits for a process that it has just sent a job, although it has dropped that job.
            kill_pool()
            try:
                running = self._jobs.store.upkeep.running_jobs()
            except RedisError as error:  # the main thread may wait for its replies for minutes
                log.warning("this worker leaves its jobs to others, because Redis is unavailable: %s", error)
                exit_at_once()
            self._requeue([job for job, runner in running.items() if runner.worker == self._worker])

    def _requeue(self, jobs: list[str]) -> None:
        try:
            for job_id in jobs:
                self._jobs.requeue(job_id, Runner(self._worker), counted=False)
        except RedisError:  # then the sweep of any worker requeues them, and finds the marks
            for job_id in jobs:
                self._jobs.store.attempts.mark_stopped(job_id, self._worker)
