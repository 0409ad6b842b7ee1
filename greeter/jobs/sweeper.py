"""What the main process of a worker sees to, so that no job is lost, and none is left running that does not run."""

from __future__ import annotations

import logging
import os
import signal
import time
from contextlib import suppress

from celery.worker import state
from redis import RedisError

from greeter.jobs.errors import JobNotFound
from greeter.jobs.service import UNAVAILABLE, Queue

log = logging.getLogger(__name__)

_SECONDS_BETWEEN_SWEEPS = 5
_SECONDS_BETWEEN_LOOKS_FOR_ORPHANS = 3600


class Keeper:
    """Announces a worker, ends what was cancelled, and sweeps: lost jobs wait again, old ones are removed.

    Every worker does this, and all of it may be done twice.
    """

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._silent: set[tuple[str, str]] = set()
        self._next_sweep = self._next_look_for_orphans = 0.0

    def tend(self) -> None:
        """Do what is due; called every two seconds."""
        now = time.monotonic()
        try:
            overdue = self._queue.store.announce(self._queue.worker_id, [str(job.id) for job in state.active_requests])
            _kill(overdue)
            if now >= self._next_sweep:
                self._next_sweep = now + _SECONDS_BETWEEN_SWEEPS
                self._sweep()
        except UNAVAILABLE as error:
            self._silent = set()
            log.warning("Redis cannot be reached: %s", error)

    def _sweep(self) -> None:
        # Whoever was cut off, or slept with the whole machine, has until the next sweep to be heard of again.
        before, self._silent = self._silent, set(self._queue.store.silent())
        for job_id, worker in before & self._silent:
            self._queue.lose(job_id, worker, silent=True)
        for job_id in self._queue.store.unsent():
            self._queue.publish(job_id)
        for job_id in self._queue.store.expired():
            with suppress(JobNotFound):  # another worker was faster
                self._queue.delete(job_id)
        if time.monotonic() >= self._next_look_for_orphans:
            self._next_look_for_orphans = time.monotonic() + _SECONDS_BETWEEN_LOOKS_FOR_ORPHANS
            self._queue.store.remove_orphans()

    def release(self) -> None:
        """End the jobs of this worker, which is about to stop, and let them wait for another; no attempt is counted."""
        while state.should_stop is None and state.should_terminate is None:
            time.sleep(0.01)  # until it takes no new ones
        self._queue.stopping = True  # Celery may be the first to see that their processes are gone
        jobs = [str(job.id) for job in state.active_requests]
        _kill(jobs)
        for job_id in jobs:
            with suppress(RedisError):  # then the next worker finds it
                self._queue.lose(job_id, self._queue.worker_id, counted=False)


def _kill(jobs: list[str]) -> None:
    """End the processes that run these jobs, each with its group."""
    for request in list(state.active_requests):
        if request.id in jobs and request.worker_pid:
            with suppress(ProcessLookupError):
                os.killpg(request.worker_pid, signal.SIGKILL)
