"""The pool of a worker, which replaces a process as soon as it has ended and the system allows it."""

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from heapq import heapify
from typing import Any

import psutil
from billiard.process import BaseProcess as Process
from celery.concurrency import asynpool, prefork
from kombu.asynchronous import Hub

log = logging.getLogger(__name__)


class Pool(asynpool.AsynPool):
    """A pool that replaces a process as soon as it has ended, or tries every five seconds if the system refuses.

    Celery's own pool keeps a process that could not be started in its list. Then the worker exits, or has no processes.
    It also detects the end of a process by a pipe, which closes shortly before the process has ended, and stays open
    while a forked child has it: the process is then replaced up to five seconds later.
    """

    _pool: list[Process]  # these are missing in the stubs
    _queues: dict[object, Process | None]
    _waiting_to_start: set[Process]
    _find_worker_queues: Callable[[Process], object]
    _cache: dict[int, Any]
    on_timeout_cancel: Callable[[object], None]

    _unresponsive: Counter[tuple[int, int | None]] | None = None

    def _repopulate_pool(self, exitcodes: list[int]) -> None:
        try:
            super()._repopulate_pool(exitcodes)  # type: ignore[misc]  # missing in the stubs
        except OSError as error:  # the limit of processes, of memory or of descriptors is reached
            log.error("a process of this worker could not be started: %s", error)
            for process in [one for one in self._pool if one.pid is None]:
                self._pool.remove(process)
                self._queues[self._find_worker_queues(process)] = None

    def _track_child_process(self, process: Process, hub: Hub) -> None:
        if process.pid and "_sentinel_poll" not in vars(process) and hasattr(os, "pidfd_open"):  # Linux
            with suppress(OSError):  # an old kernel, or a sandbox, refuses: Celery's pipe remains
                vars(process)["_sentinel_poll"] = os.pidfd_open(process.pid)
        super()._track_child_process(process, hub)  # type: ignore[misc]  # missing in the stubs

    def _create_timelimit_handlers(self, hub: Hub) -> None:
        super()._create_timelimit_handlers(hub)  # type: ignore[misc]  # missing in the stubs
        cancel, timers = self.on_timeout_cancel, hub.timer._queue

        def forget(job: object) -> None:
            # kombu would keep the timer of an ended job until the job's time limit.
            cancel(job)
            timers[:] = [timer for timer in timers if not timer[-1].canceled]
            heapify(timers)

        self.on_timeout_cancel = forget

    @property
    def has_process(self) -> bool:
        """Whether a process has started, and so can run jobs or is running one."""
        return any(one not in self._waiting_to_start for one in self._pool if one.is_alive())

    def unresponsive(self, most: int) -> list[int]:
        """Return the ids of processes that were suspended, or have not confirmed a job, in more than `most` calls.

        Calls are counted, not seconds, because this process may have been suspended too.
        """
        before = self._unresponsive or Counter()
        self._unresponsive = Counter({key: before[key] + 1 for key in self._unresponsive_now()})
        return [pid for (pid, _), calls in self._unresponsive.items() if calls > most]

    def _unresponsive_now(self) -> Iterator[tuple[int, int | None]]:
        """Yield the ids of processes, each with the number of the job that it has not confirmed, or None."""
        for process in self._pool:
            with suppress(psutil.NoSuchProcess):
                if process.pid and psutil.Process(process.pid).status() == psutil.STATUS_STOPPED:
                    yield process.pid, None
        for number, job in self._cache.items():
            if not job._accepted and job._write_to in self._pool and job._write_to.pid:
                yield job._write_to.pid, number


class TaskPool(prefork.TaskPool):
    """Celery's default, with this pool."""

    Pool = Pool

    def _get_info(self) -> dict[str, object]:
        """Return what Flower shows, with Celery's class name: ours contains the name of the template."""
        base = prefork.TaskPool
        inherited = super()._get_info()  # type: ignore[misc]  # missing in the stubs
        return {**inherited, "implementation": f"{base.__module__}:{base.__name__}"}
