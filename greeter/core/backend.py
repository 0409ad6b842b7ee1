"""Celery's result backend on the job's own record: one record, one truth."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import redis
from celery import states
from celery.backends.base import BaseBackend

from greeter.core.errors import JobNotFound, explain
from greeter.core.job import Fallback

if TYPE_CHECKING:
    from greeter.core.queue import Queue

log = logging.getLogger(__name__)


class JobBackend(BaseBackend):
    """Keeps a task's state and meta in its job's record, where an end state is never overwritten."""

    supports_autoexpire = True  # nothing for Celery's clean-up to do

    def __init__(self, app: Queue, **kwargs: Any) -> None:
        super().__init__(app, **kwargs)
        self.url = None
        self._store = app.store

    def prepare_exception(self, exc: Exception, serializer: str | None = None) -> Any:
        """Add the sentence for the user to what Celery keeps of an exception."""
        return super().prepare_exception(exc, serializer) | {"sentence": explain(exc)}

    def exception_safe_to_retry(self, exc: BaseException) -> bool:
        """An end state waits for a Redis that is away, as `result_backend_always_retry` says."""
        return isinstance(exc, (redis.ConnectionError, redis.TimeoutError))

    def _store_result(
        self, task_id: str, result: Any, state: str, traceback: Any = None, request: Any = None, **kwargs: Any
    ) -> None:
        now = time.time()
        fields: dict[str, str | bytes | float] = {"state": state}
        if state in states.READY_STATES:
            fields |= {"result": self.encode(result), "ended": now}
            fields |= {"partial": 1} if isinstance(result, Fallback) else {}
        elif state == states.STARTED:
            fields["started"] = now
        else:
            fields["progress"] = self.encode(result)
        try:
            self._store.write(task_id, fields)
        except redis.RedisError:
            if state in states.READY_STATES:
                raise
            log.warning("Redis is away: the state %s of job %s was not kept", state, task_id)

    def _get_task_meta_for(self, task_id: str) -> dict[str, Any]:
        try:
            record = self._store.find(task_id)
        except JobNotFound:
            return {"status": states.PENDING, "result": None}
        result = record.progress or None if record.active else record.result
        return self.meta_from_decoded({"status": record.state, "result": result, "traceback": None, "children": []})
