"""Celery's result backend, which keeps the state of a task in the record of its job."""

import logging
from contextlib import suppress
from dataclasses import replace
from typing import Any

import redis
from celery import states
from celery.backends.base import BaseBackend
from celery.exceptions import NotRegistered, TaskRevokedError, TimeLimitExceeded, WorkerLostError

from greeter.jobs.errors import JobNotFound, ToolChanged
from greeter.jobs.failures import ToolFailure, failure_result
from greeter.jobs.files.bounds import LONGEST_TRACEBACK, MAX_PROGRESS_BYTES
from greeter.jobs.runner import Runner
from greeter.jobs.worker.celery_app import CeleryApp
from greeter.jobs.worker.containment import kill_pool_process, terminate_leftovers
from greeter.toolkit.job import Fallback
from greeter.toolkit.json_types import JSONObject

log = logging.getLogger(__name__)


class JobBackend(BaseBackend):
    """A result backend whose end states are final, because the store rejects later changes."""

    supports_autoexpire = True  # Celery has nothing to clean up

    def __init__(self, app: CeleryApp, url: str | None = None) -> None:
        super().__init__(app)  # Celery would print the URL, which has the password of the broker
        self._app = app
        self._jobs = app.jobs

    def prepare_exception(self, exc: Exception, serializer: str | None = None) -> JSONObject | ToolFailure:
        """Return what is stored of an exception, or with a serializer, what a pool process sends to the main one."""
        return ToolFailure.summarize(exc) if serializer else failure_result(exc)

    def exception_safe_to_retry(self, exc: BaseException) -> bool:
        """Let `result_backend_always_retry` store an end state as soon as Redis is available."""
        return isinstance(exc, redis.RedisError)

    def mark_as_failure(self, task_id: str, exc: Exception, *args: Any, **kwargs: Any) -> None:
        """Store a failure, unless another process can still run the job."""
        is_main = self._app.runner.process is None  # in a pool process, the tool itself has raised the exception
        if not is_main or isinstance(exc, TimeLimitExceeded):
            super().mark_as_failure(task_id, exc, *args, **kwargs)
        elif isinstance(exc, (NotRegistered, ToolChanged)):
            if queue := self._jobs.resend_unknown(task_id, exc, self._app.tools):
                self._app.intake.pause(queue)
        else:
            runner = self._runner_of(**kwargs)
            if not isinstance(exc, WorkerLostError):  # Celery failed outside the task, as it would with every job
                kill_pool_process(runner.process)
            terminate_leftovers()  # before the next attempt starts
            self._jobs.requeue(task_id, runner, counted=not _is_stopping(), reason=exc)

    def mark_as_retry(self, task_id: str, *args: object, **kwargs: object) -> None:
        """Requeue a job that Celery cancels during a cold shutdown; its RETRY would never be retried."""
        self._jobs.requeue(task_id, self._runner_of(**kwargs), counted=False)

    def _runner_of(self, request: object = None, **_: object) -> Runner:
        """Return this process or, in the main process, that of a request. Another one may run the job by now."""
        return replace(self._app.runner, process=self._app.runner.process or getattr(request, "worker_pid", None))

    def _store_result(
        self, task_id: str, result: object, state: str, traceback: object = None, request: object = None, **_: object
    ) -> None:
        if state == states.PENDING:  # only the job service makes a job wait
            return
        if state == states.REVOKED:
            with suppress(JobNotFound):
                self._jobs.cancel(task_id)
            return
        is_end = state in states.READY_STATES
        encoded = self.encode(result)
        if not is_end and len(state) + len(encoded) > MAX_PROGRESS_BYTES:
            log.warning("the meta of job %s was not stored: it has %d bytes", task_id[:8], len(encoded))
            return
        fields: dict[str, str | bytes | int] = {"result" if is_end else "progress": encoded}
        if traceback:
            fields["traceback"] = str(traceback)[-LONGEST_TRACEBACK:].encode(errors="backslashreplace")
        if isinstance(result, Fallback):
            fields["partial"] = 1
        try:
            change = self._jobs.end if is_end else self._jobs.store.runs.update
            change(task_id, self._runner_of(request), state, fields)
        except redis.RedisError:
            if is_end:
                raise
            log.warning("Redis is unavailable: state %s of job %s was not stored", state, task_id[:8])

    def _get_task_meta_for(self, task_id: str) -> dict[str, object]:
        try:
            record = self._jobs.store.find(task_id)
        except JobNotFound:
            return {"status": states.PENDING, "result": None}
        fields = self._jobs.store.fields(task_id, "process", "worker", "traceback")
        meta: dict[str, object] = {"status": record.state, "result": record.meta if record.active else record.result}
        meta |= {"children": [], "traceback": fields.get("traceback"), "date_done": None}
        if not record.active:
            meta["date_done"] = record.times["ended"].isoformat()
        if record.state == states.REVOKED:
            meta["result"] = TaskRevokedError("cancelled")
        elif record.state == states.STARTED:
            meta["result"] = {"pid": int(fields["process"]), "hostname": fields["worker"]}
        return self.meta_from_decoded(meta)

    def _forget(self, task_id: str) -> None:
        with suppress(JobNotFound):
            self._jobs.delete(task_id)


def _is_stopping() -> bool:
    """Return whether this is the main process of a worker that is stopping."""
    from celery.worker import state  # imported here because the web, which has a backend too, does not need it

    return state.should_stop is not None or state.should_terminate is not None
