"""The records of jobs in Redis. Only this module, the scripts in lua/ and the rate limiter use Redis keys of our own.

| key | type | what it has |
|---|---|---|
| `job:<id>` | hash | the record; Celery's task state is one of its fields |
| `jobs:waiting` | sorted set | ids by time of submission: the rank of an id is its place in the queue |
| `jobs:running` | sorted set | ids by time of start |
| `jobs:ended` | sorted set | ids by time of end |
| `workers` | sorted set | workers that take jobs, by time of their last heartbeat |
| `workers:unfit` | hash | workers that cannot run jobs: the time of their last heartbeat, and why |
| `tools` | sorted set | the tools that workers have, by time of their last heartbeat |
| `clock` | hash | the last reading of the clock, and from when on it is trusted |
| `installation` | string | the id of the installation, which the folder of the jobs has too |
| `client:<address>` | set | the active jobs of one client |
| `client_key` | string | the random key of the hash that stands for a client while files of its jobs are kept |
| `bytes` | hash | the bytes of the files of `all` jobs, and of each client by that hash |
| `token:<sha256>` | string | the id of the job that a form created |
| `statistics` | hash | how many jobs ended, how, and how long they ran |
| `write_check` | string | shows that Redis takes writes |
| `limits:...` | string | how often each client submitted in this minute (greeter/web/limits.py) |

Celery's broker has keys of its own: the list `celery` and `_kombu...`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from errno import ENOSPC
from hashlib import blake2b, sha256
from pathlib import Path
from secrets import token_bytes
from typing import Any, Literal

import redis
from celery.states import READY_STATES
from kombu.utils.json import dumps, loads
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from greeter.jobs.errors import JobNotFound, NotConfirmed, QueueFull, StorageFull, TooManyBytes, TooManyJobs
from greeter.jobs.files import JobFiles
from greeter.jobs.reader import Params, Provenance
from greeter.jobs.record import Record, ReportedProgress
from greeter.jobs.runner import Runner
from greeter.jobs.scripts import load_scripts
from greeter.logs import REQUEST
from greeter.settings import Settings

MAX_ATTEMPTS = 2
PROGRESS = "PROGRESS"
_BROKER_LIST = "celery"
_WORKER_TIMEOUT = 15  # seconds without a heartbeat after which a worker counts as gone
_MESSAGE_TIMEOUT = 10  # seconds that a job waits before its message can count as lost
CANCEL_TIMEOUT = 6  # seconds that a cancelled job has to end on its own
_CONFIRM_TIMEOUT = 800  # milliseconds that the replicas have to confirm a change; less than the timeout of the socket

_LIMITS = {"waiting": QueueFull, "active": TooManyJobs, "owner_bytes": TooManyBytes, "bytes": StorageFull}
"""What create.lua returns when a limit is reached, and the exception for it."""

Fields = Mapping[str, str | bytes | int]
"""Fields of a record."""


@dataclass(frozen=True)
class Submission:
    """What is known of a submission apart from the tool and its parameters. Everything is optional.

    Attributes:
        label: The name that the user gave the job.
        client: Who submits, to limit the active jobs of one client.
        token: The token of the form, so that submitting it twice creates one job.

    """

    label: str = ""
    client: str = ""
    token: str = ""


class Order(StrEnum):
    """What the process of a job has to do, as the reply to its heartbeat says."""

    CONTINUE = "continue"
    CANCEL = "cancel"
    ABANDON = "abandon"  # the job was given to another process


@dataclass(frozen=True)
class Statistics:
    """Numbers of jobs and workers.

    Attributes:
        waiting: Jobs that are waiting.
        running: Jobs that are running.
        workers: Workers with a recent heartbeat that take jobs.
        unfit: Why workers with a recent heartbeat cannot run jobs, one reason for each.
        bounds: The bounds of the duration buckets, in seconds.
        ended: Numbers of ended jobs and sums of their durations: `("ended", tool, phase)`, `("seconds", tool)`, and
            `("bucket", tool, bound)` for jobs that ran no longer than a bound but longer than the one before it.

    """

    waiting: int
    running: int
    workers: int
    unfit: list[str]
    bounds: list[int]
    ended: dict[tuple[str, ...], float]


class Store:
    """The records of jobs, and their folders. Methods raise redis.RedisError when Redis is unavailable."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.files = JobFiles(settings.data_dir / "jobs")
        # Reconnect once if Redis has closed the connection. Do not retry timeouts: a page has to report within three
        # seconds that Redis does not answer, even to many visitors at once.
        retry = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
        self.redis = Redis.from_url(settings.redis_url, socket_timeout=1, socket_connect_timeout=1, retry=retry)
        self._scripts = load_scripts(self.redis)

    def _run(self, script: str, *args: Any) -> Any:
        return self._scripts[script](args=args)

    def _run_confirmed(self, script: str, *args: Any) -> Any:
        """Run a script and wait until CONFIRM_REPLICAS replicas have what it wrote, or raise NotConfirmed."""
        replicas = self._settings.confirm_replicas
        if not replicas:
            return self._run(script, *args)
        with self.redis.pipeline(transaction=False) as pipeline:
            self._scripts[script](args=args, client=pipeline)
            pipeline.wait(
                replicas, _CONFIRM_TIMEOUT
            )  # for all writes so far, also when a repeated script wrote nothing
            reply, confirmed = pipeline.execute()
        if confirmed < replicas:
            raise NotConfirmed(f"{confirmed} of {replicas} replicas confirmed a change")
        return reply

    # For the web.

    def create(self, job_id: str, tool: str, params: Params, submission: Submission) -> str:
        """Create a waiting job and return its id, or the id of the job that the same form created before.

        A parameter given as bytes becomes the file `inputs/<its name>`. Raises an exception of _LIMITS, or OSError when
        the disk is full; then nothing is kept. Raises NotConfirmed when too few replicas have the job. It is kept then,
        as after a lost reply, because another submission of the same form may have been accepted as this job.
        """
        files = {name: value for name, value in params.items() if isinstance(value, bytes)}
        fields = {
            "tool": tool,
            "params": dumps({name: value for name, value in params.items() if name not in files}),
            "checksums": dumps({name: sha256(content).hexdigest() for name, content in files.items()}),
            "label": submission.label,
            "request": REQUEST.get(),
        }
        owner = self._owner(submission.client)  # first, so that no files are written while Redis is unavailable
        if not self.has_disk_space():
            raise OSError(ENOSPC, "less than MIN_FREE_BYTES is free")
        self.files.create(job_id, files)
        try:
            created = self._create(job_id, fields, submission, owner)
        except redis.ResponseError:
            # Redis has refused, for example because it is full. (If there was no reply, the job may have been created,
            # so its folder stays: remove_orphans() removes it if not.)
            self.files.remove(job_id)
            raise
        if created != job_id:
            self.files.remove(job_id)
        if created in _LIMITS:
            raise _LIMITS[created]
        return created

    def _create(self, job_id: str, fields: Mapping[str, str], submission: Submission, owner: str) -> str:
        # The token includes the input, because the same form with other input is another job.
        given = f"{submission.token} {fields['tool']} {fields['params']} {fields['checksums']}"
        token = sha256(given.encode()).hexdigest() if submission.token else ""
        settings = self._settings
        limits = (settings.max_waiting, settings.max_active, settings.retention)
        bytes_limits = (self.files.size(job_id), owner, settings.max_client_bytes, settings.max_total_bytes)
        args = (token, submission.client, *limits, *bytes_limits, *_flat(fields))
        reply: bytes = self._run_confirmed("create", job_id, *args)
        return reply.decode()

    def _owner(self, client: str) -> str:
        """Return the name under which the bytes of a client are counted; its address is not kept for so long."""
        new = token_bytes(32)
        key: Any = self.redis.set("client_key", new, nx=True, get=True) or new
        return blake2b(client.encode(), key=key, digest_size=16).hexdigest() if client else ""

    def _measure(self, job_id: str) -> None:
        """Store how many bytes the files of a job take now, if this machine has its folder."""
        if self.files.folder(job_id).exists():
            self._run("measure", job_id, self.files.size(job_id))

    def has_disk_space(self) -> bool:
        """Return whether MIN_FREE_BYTES are free, so that jobs are accepted."""
        try:
            return self.files.free_bytes() >= self._settings.min_free_bytes
        except OSError:  # DATA_DIR cannot be read, which fitness.py reports
            return True

    def find(self, job_id: str) -> Record:
        """Read a record in one round trip. Raises JobNotFound."""
        snapshot = self._run("read", job_id, _WORKER_TIMEOUT)
        if snapshot is None:
            raise JobNotFound(job_id)
        return Record(job_id, snapshot, self._settings.retention_days)

    def provenance(self, job_id: str) -> Provenance:
        """Read how the result of a job was made."""
        fields = self.fields(job_id, "params", "checksums", "versions")
        return Provenance(**{name: loads(text) for name, text in fields.items()})

    def params(self, job_id: str) -> Params:
        """Read the parameters of a job; a file is given as its Path."""
        return {**self.provenance(job_id).params, **self.files.inputs(job_id)}

    def fields(self, job_id: str, *names: str) -> dict[str, str]:
        """Read fields of a record that are not in its snapshot, leaving out the ones that it does not have."""
        values: Any = self.redis.hmget(f"job:{job_id}", names)
        return {name: value.decode() for name, value in zip(names, values, strict=True) if value}

    def cancel(self, job_id: str) -> Literal["cancelled", "requested", "ended"]:
        """Cancel a job. Raises JobNotFound.

        Returns:
            "cancelled" for a job that was waiting or stale, which has ended now; "requested" for a running one, which
            learns of it from its next heartbeat; "ended" for one that had ended before.

        """
        reply: bytes | None = self._run("cancel", job_id, self._settings.silence_limit)
        if reply is None:
            raise JobNotFound(job_id)
        if reply == b"cancelled":
            if not self.redis.hexists(f"job:{job_id}", "started"):
                self.files.remove_inputs(job_id)
            self._measure(job_id)
        return reply.decode()  # type: ignore[return-value]  # one of the three, see lua/cancel.lua

    def delete(self, job_id: str) -> bool:
        """Delete the folder and the record of a job, or return False if it is active. Raises JobNotFound."""
        if self.find(job_id).active:
            return False
        self.files.remove(job_id)  # first: if Redis fails now, the record is still there for the next try
        self._run("delete", job_id)
        return True

    def statistics(self) -> Statistics:
        """Count jobs and workers. Raises redis.RedisError also when Redis refuses writes."""
        waiting, running, workers, unfit, bounds, counted = self._run("statistics", "", _WORKER_TIMEOUT)
        fields = iter(_texts(counted))
        ended = {tuple(name.split()): float(number) for name, number in zip(fields, fields, strict=True)}
        return Statistics(waiting, running, workers, _texts(unfit), bounds, ended)

    # For fitness.py.

    def installation(self, new: str = "") -> str | None:
        """Return the id of the installation that Redis belongs to. Set it to a new one first if there is none."""
        if new:
            self.redis.set("installation", new, nx=True)
        found: Any = self.redis.get("installation")
        return found.decode() if found else None

    def forget_installation(self) -> None:
        """Remove the id of the installation."""
        self.redis.delete("installation")

    # For the process that runs a job. Only the runner that claimed a job, or its worker's main process, can change it.

    def claim(self, job_id: str, runner: Runner, versions: Mapping[str, str]) -> tuple[Params, Path] | None:
        """Start a waiting job; return its parameters and the folder of the attempt, or None if it is not waiting."""
        reply = self._run("claim", job_id, *runner.args, dumps(versions))
        if not reply:
            return None
        plain, number = reply
        self.files.remove_attempts(job_id, but=int(number))
        return {**loads(plain), **self.files.inputs(job_id)}, self.files.attempt(job_id, int(number))

    def heartbeat(self, job_id: str, runner: Runner) -> Order:
        """Record that a job is running, and return what to do."""
        return Order(self._run("heartbeat", job_id, *runner.args).decode())

    def report_progress(self, job_id: str, runner: Runner, progress: ReportedProgress) -> None:
        """Store how far a running job is."""
        self.update(job_id, runner, PROGRESS, {"progress": dumps(progress)})

    def update(self, job_id: str, runner: Runner, state: str, fields: Fields) -> bool:
        """Change the Celery state and fields of a running job, or return False if the runner has lost it."""
        is_end = state in READY_STATES
        if is_end:
            self._measure(job_id)
        run = self._run_confirmed if is_end else self._run
        return bool(run("update", job_id, *runner.args, state, int(is_end), *_flat(fields)))

    # For the main process of a worker.

    def worker_heartbeat(
        self, worker: str, tools: Collection[str], jobs: Iterable[str], *, takes_jobs: bool, unfit: str = ""
    ) -> list[str]:
        """Record that a worker is alive.

        Args:
            worker: The id of the worker.
            tools: The tools that it has.
            jobs: The jobs that it runs.
            takes_jobs: Whether it takes new jobs.
            unfit: Why it cannot run jobs, or an empty string.

        Returns:
            Those of its jobs that were cancelled but have not ended in time.
        """
        counts = (int(takes_jobs), unfit, CANCEL_TIMEOUT, len(tools))
        return _texts(self._run("worker_heartbeat", "", worker, *counts, *tools, *jobs))

    def fail_unknown(self, job_id: str, result: str) -> bool:
        """Fail a waiting job if no worker has had its tool for SILENCE_LIMIT; `result` is in JSON."""
        return bool(self._run("fail_unknown", job_id, self._settings.silence_limit, result))

    def requeue(self, job_id: str, worker: str, *, stale: bool, counted: bool, result: str = "") -> str | None:
        """Make a job wait again after its process was lost.

        Args:
            job_id: The job.
            worker: The worker that ran it.
            stale: Whether the process only seems lost, because its heartbeats have stopped.
            counted: Whether the attempt counts. If it was the last one, the job fails.
            result: The result of the job if it fails, in JSON.

        Returns:
            The new Celery state, or None if the job was taken from this worker before, or had a heartbeat since.

        """
        self._measure(job_id)
        silence = self._settings.silence_limit if stale else ""
        state = self._run("requeue", job_id, worker, silence, int(counted), MAX_ATTEMPTS, result)
        return state.decode() if state else None

    def stale(self) -> list[tuple[str, str]]:
        """Return the running jobs without a heartbeat for SILENCE_LIMIT, each with its worker."""
        reply = iter(_texts(self._run("stale", "", self._settings.silence_limit)))
        return list(zip(reply, reply, strict=True))

    def lost_messages(self) -> list[str]:
        """Return the waiting jobs whose messages are lost, after moving them to the end of the queue."""
        return _texts(self._run("lost_messages", "", _BROKER_LIST, _MESSAGE_TIMEOUT))

    def expired(self) -> list[str]:
        """Return some of the jobs whose retention time is over."""
        return _texts(self._run("expired", "", self._settings.retention))

    def remove_orphans(self) -> None:
        """Remove folders without a record, left by submissions that got no reply from Redis.

        They are kept for the retention time, in case REDIS_URL names the wrong server.
        """
        for job_id in self.files.unchanged_for(self._settings.retention):
            if not self.redis.exists(f"job:{job_id}"):
                self.files.remove(job_id)


def _flat(fields: Fields) -> list[str | bytes | int]:
    return [part for pair in fields.items() for part in pair]


def _texts(reply: list[bytes]) -> list[str]:
    return [item.decode() for item in reply]
