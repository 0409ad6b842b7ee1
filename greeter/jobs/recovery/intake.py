"""The queues from which a worker takes jobs."""

import logging
import os
import sys
import time
from collections.abc import Collection, Iterable
from typing import Any

import kombu

from greeter.jobs.worker.consumer import Consumer
from greeter.jobs.worker.containment import kill_pool_process
from greeter.settings import Settings
from greeter.toolkit.tool import Tool

log = logging.getLogger(__name__)

_REPLACEMENT_SECONDS = 5  # in which a process is replaced
_PAUSE_SECONDS = 1
_NO_PROCESS = "The worker has no process that can run jobs. Check its log, or start it again."


class Intake:
    """The consumer of a worker, which stops while the worker cannot run jobs, or when an operator drains it."""

    def __init__(self, queues: Collection[str], consumer: Consumer | None = None) -> None:
        """Use this consumer of these queues; without one, the worker is assumed to take jobs."""
        self._queues = queues
        self._consumer = consumer
        self._cancelled: list[str] = []  # queues
        self._drained = False
        self._ready_at = time.monotonic()

    @property
    def problem(self) -> str | None:
        """Why the worker cannot run jobs; None if it can. Its pool may have been shrunk, or no process can start."""
        pool = self._consumer.pool if self._consumer else None
        if pool is None or pool._pool.has_process:
            self._ready_at = time.monotonic()
        return _NO_PROCESS if time.monotonic() - self._ready_at > _REPLACEMENT_SECONDS else None

    @property
    def queues(self) -> list[str]:
        """The queues from which the worker takes jobs; a drained one only finishes those that it has."""
        if self._consumer is None:
            return list(self._queues)
        tasks = self._tasks
        return [queue for queue in self._queues if tasks and tasks.consuming_from(queue)]

    def kill_unresponsive_processes(self, most: int) -> None:
        """Kill processes that were unresponsive in more than `most` checks. Another one gets their jobs."""
        pool = self._consumer.pool if self._consumer else None
        for pid in pool._pool.unresponsive(most) if pool else []:
            log.warning("replacing process %s: it does not respond", pid)
            kill_pool_process(pid)

    @property
    def _tasks(self) -> kombu.Consumer | None:
        return getattr(self._consumer, "task_consumer", None)  # None while the worker reconnects

    def pause(self, queue: str) -> None:
        """Leave the messages of a queue to other workers for a second, because this one can run none of its next jobs.

        Otherwise, it would get the same ones again at once.
        """
        if self._consumer is not None and self._tasks:
            channel: Any = self._tasks.channel
            channel.pause(queue)
            self._consumer.hub.call_later(_PAUSE_SECONDS, channel.resume, queue)

    def drain(self) -> None:
        """Take no more jobs until the worker is started again."""
        self._drained = True
        self.set_accepting(False)

    def set_accepting(self, accepting: bool) -> None:
        """Stop taking jobs, or resume after that. A drained worker takes no more jobs."""
        accepting = accepting and not self._drained
        if self._consumer is None or not self._tasks:
            return
        if not accepting and self.queues:
            self._cancelled = self.queues
            for queue in self._cancelled:
                self._consumer.call_soon(self._consumer.cancel_task_queue, queue)
        elif accepting:
            for queue in self._cancelled:
                self._consumer.call_soon(self._consumer.add_task_queue, queue)
            self._cancelled = []


def queues_to_serve(settings: Settings, tools: Iterable[Tool]) -> list[str]:
    """Return the sorted names of the queues from which this worker takes jobs: WORKER_QUEUES, or those of all tools.

    Raises:
        SystemExit: WORKER_QUEUES has a queue that no tool uses. Standard error says which one.
    """
    known = {tool.queue for tool in tools}
    if unknown := set(settings.worker_queues) - known:
        problem = f"WORKER_QUEUES names {', '.join(sorted(unknown))}, which no tool uses."
        advice = f"Valid queues: {', '.join(sorted(known))}. Correct it, and start again."
        print(problem, advice, file=sys.stderr)
        sys.exit(os.EX_CONFIG)
    return sorted(settings.worker_queues or known)
