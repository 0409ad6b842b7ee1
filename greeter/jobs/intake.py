"""Whether a worker takes new jobs."""

from __future__ import annotations

import kombu
from celery.worker.consumer import Consumer

_QUEUE = "celery"


class Intake:
    """The consumer of a worker, which can be paused, and drained by an operator."""

    def __init__(self, consumer: Consumer | None = None) -> None:
        """Use this consumer; without one, the worker counts as taking jobs."""
        self._consumer = consumer
        self._paused = self._drained = False

    @property
    def is_open(self) -> bool:
        """Whether the worker takes new jobs; a drained one only finishes those that it has."""
        if self._consumer is None:
            return True
        return bool(self._tasks and self._tasks.consuming_from(_QUEUE))

    @property
    def _tasks(self) -> kombu.Consumer | None:
        return getattr(self._consumer, "task_consumer", None)  # None while the worker reconnects

    def drain(self) -> None:
        """Take no more jobs until the worker is started again."""
        self._drained = True
        self.allow(False)

    def allow(self, allowed: bool) -> None:
        """Pause the intake, or resume it after a pause. A drained worker stays closed."""
        allowed = allowed and not self._drained
        if self._consumer is None or not self._tasks:
            return
        if not allowed and self.is_open:
            self._paused = True
            self._consumer.call_soon(self._consumer.cancel_task_queue, _QUEUE)
        elif allowed and self._paused:
            self._paused = False
            self._consumer.call_soon(self._consumer.add_task_queue, _QUEUE)
