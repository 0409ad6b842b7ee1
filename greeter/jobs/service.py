"""The queue: Celery, its settings, and the way a job gets into it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from secrets import token_hex
from typing import Any

from celery import Celery
from celery.exceptions import WorkerLostError
from celery.states import PENDING
from kombu.exceptions import OperationalError
from redis import RedisError

from greeter.jobs.errors import JobNotFound
from greeter.jobs.store import MOST_ATTEMPTS, Store, Submission
from greeter.jobs.task import ToolTask
from greeter.settings import Settings
from greeter.toolkit.tool import Tool

log = logging.getLogger("greeter.job")

UNAVAILABLE = (OperationalError, RedisError)
"""What is raised when Redis is away, hangs, or refuses to write."""


NOTHING_TOLD = Submission()


class Queue(Celery):
    """The Celery app of an installation, with a task for each tool and the store of its jobs."""

    def __init__(self, settings: Settings, tools: Iterable[Tool]) -> None:
        super().__init__("greeter")
        self.store = Store(settings)
        self.worker_id = ""  # a worker's entry gives it one
        self.process: int | str = ""  # of a worker's process that runs jobs, its number
        self.stopping = False  # of a worker: whether it ends its jobs itself
        self.conf.update(_configuration(settings))
        kind = type("ToolTask", (ToolTask,), {})  # because Celery binds a class of tasks to one app
        for tool in tools:
            self.register_task(kind(tool, settings.soft_time_limit, settings.time_limit_grace))

    def submit(self, tool: Tool, params: Mapping[str, Any], submission: Submission = NOTHING_TOLD) -> str:
        """Accept a job and return its id, which has 128 random bits, or the id of the job that the form made before.

        Raises QueueFull, TooManyJobs, one of UNAVAILABLE, or OSError when the disk has no room.
        """
        job_id = token_hex(16)
        kept = self.store.create(job_id, tool.name, params, submission)
        if kept == job_id:
            log.info("accepted", extra={"job": job_id[:8], "tool": tool.name})
            self.publish(job_id)
        return kept

    def publish(self, job_id: str) -> None:
        """Send the message that lets a worker begin a waiting job; a second one does no harm.

        While that is impossible, a worker that sweeps will miss it.
        """
        with suppress(JobNotFound, *UNAVAILABLE):
            record = self.store.find(job_id)
            self.send_task(record.tool, task_id=job_id, headers={"request_id": record.request})

    def lose(self, job_id: str, worker: str, *, silent: bool = False, counted: bool = True) -> None:
        """Let a job whose process is gone wait for another, or fail when that was its last attempt.

        One that is only `silent` may have been heard of again; then it goes on.
        """
        error = self.backend.prepare_exception(WorkerLostError(f"lost {MOST_ATTEMPTS} times"))
        state = self.store.lose(job_id, worker, silent, counted, self.backend.encode(error))
        if state == PENDING:
            self.tell("lost" if counted else "given back", job_id)
            self.publish(job_id)
        elif state:
            self.tell("ended", job_id)

    def cancel(self, job_id: str) -> None:
        """Ask for the end of a job. Raises JobNotFound."""
        event = {"cancelled": "ended", "running": "to be cancelled"}.get(self.store.cancel(job_id))
        if event:
            self.tell(event, job_id)

    def delete(self, job_id: str) -> bool:
        """Remove the folder and the record of a job that has ended; False when it has not. Raises JobNotFound."""
        if deleted := self.store.delete(job_id):
            log.info("deleted", extra={"job": job_id[:8]})
        return deleted

    def tell(self, event: str, job_id: str) -> None:
        """Write an event in the life of a job to the log."""
        told: dict[str, Any] = {"job": job_id[:8]}
        with suppress(JobNotFound, RedisError):  # it was deleted at once, or Redis has gone away
            told = self.store.find(job_id).told
        log.info(event, extra=told)


def _configuration(settings: Settings) -> dict[str, Any]:
    """Celery's settings. Where a reason is short of its evidence: all of it was measured with Celery 5.7.0."""
    return {
        "broker_url": settings.redis_url,
        # Without this, and without ssl_... in the URL, kombu takes any certificate.
        "broker_use_ssl": {"ssl_cert_reqs": "required"} if settings.redis_url.startswith("rediss:") else None,
        "result_backend": "greeter.jobs.backend.JobBackend",
        "result_backend_thread_safe": True,  # one backend for all threads of a web process
        "accept_content": ["json"],
        "worker_concurrency": settings.worker_concurrency,
        # A message is forgotten when its job begins, and none waits inside a worker: otherwise a worker that is
        # polling dies when Redis restarts, and a job longer than the visibility timeout runs twice at once.
        "task_acks_late": False,
        "worker_disable_prefetch": True,
        "worker_prefetch_multiplier": 1,
        # What a process wrote before it was gone is in the record, so there is nothing to wait for.
        "worker_lost_wait": 0.5,
        # Redis may start later than we do, and may be away for long.
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        # A submission answers within three seconds, also when Redis hangs; a worker has more patience (worker.py).
        "broker_transport_options": {"socket_timeout": 1, "socket_connect_timeout": 1, "retry_on_timeout": False},
        "task_publish_retry_policy": {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0},
        # Flower learns of every task from these.
        "task_send_sent_event": True,
        "worker_send_task_events": True,
    }
