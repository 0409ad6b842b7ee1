"""Celery's result backend on the job's own record: one record, one truth."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import redis
from celery import states
from celery.backends.base import BaseBackend
from celery.exceptions import NotRegistered, TaskRevokedError, WorkerLostError

from greeter.jobs.errors import JobNotFound, explain
from greeter.toolkit.job import Fallback

if TYPE_CHECKING:
    from greeter.jobs.service import Queue

log = logging.getLogger(__name__)


class JobBackend(BaseBackend):
    """Keeps a task's state and meta in its job's record, where an end state is never overwritten."""

    supports_autoexpire = True  # nothing for Celery's clean-up to do

    def __init__(self, app: Queue, **kwargs: Any) -> None:
        super().__init__(app, **kwargs)
        self.url = None  # Celery shows it, and it is that of the broker
        self._queue = app

    def prepare_exception(self, exc: Exception, serializer: str | None = None) -> Any:
        """Add the sentence for the user to what Celery keeps of an exception."""
        return super().prepare_exception(exc, serializer) | {"sentence": explain(exc)}

    def exception_safe_to_retry(self, exc: BaseException) -> bool:
        """An end state waits for a Redis that is away or full, as `result_backend_always_retry` says."""
        return isinstance(exc, redis.RedisError)

    def mark_as_failure(self, task_id: str, exc: Exception, *args: Any, **kwargs: Any) -> None:
        """Keep the failure; a job whose process is gone has not failed yet, but waits for another."""
        if isinstance(exc, WorkerLostError):
            self._queue.lose(task_id, self._queue.worker_id, counted=not self._queue.stopping)
        else:
            if isinstance(exc, NotRegistered):  # nobody has claimed it, and it would wait for ever
                self._queue.store.claim(task_id, self._queue.worker_id, 0, {})
            super().mark_as_failure(task_id, exc, *args, **kwargs)

    def _store_result(
        self, task_id: str, result: Any, state: str, traceback: Any = None, request: Any = None, **kwargs: Any
    ) -> None:
        if state == states.PENDING:  # only the queue lets a job wait
            return
        if state == states.REVOKED:
            with suppress(JobNotFound):
                self._queue.cancel(task_id)
            return
        ended = state in states.READY_STATES
        fields: dict[str, Any] = {"result" if ended else "progress": self.encode(result)}
        if traceback:
            fields["traceback"] = str(traceback)
        if isinstance(result, Fallback):
            fields["partial"] = 1
        try:
            if self._queue.store.write(task_id, self._queue.worker_id, state, fields, self._queue.process) and ended:
                self._queue.tell("ended", task_id)
        except redis.RedisError:
            if ended:
                raise
            log.warning("Redis cannot be reached: the state %s of job %s was not kept", state, task_id)

    def _get_task_meta_for(self, task_id: str) -> dict[str, Any]:
        try:
            record = self._queue.store.find(task_id)
        except JobNotFound:
            return {"status": states.PENDING, "result": None}
        fields = self._queue.store.fields(task_id, "process", "worker", "traceback")
        meta = {"status": record.state, "result": record.meta if record.active else record.result, "children": []}
        meta |= {"traceback": fields.get("traceback"), "date_done": None}
        if not record.active:
            meta["date_done"] = record.times["ended"].isoformat()
        if record.state == states.REVOKED:
            meta["result"] = TaskRevokedError("cancelled")
        elif record.state == states.STARTED:
            meta["result"] = {"pid": int(fields["process"]), "hostname": fields["worker"]}
        return self.meta_from_decoded(meta)

    def _forget(self, task_id: str) -> None:
        with suppress(JobNotFound):
            self._queue.delete(task_id)
