"""The jobs' records in Redis: with its scripts, the only place that knows a Redis key.

A record is one hash, `job:<id>`. Celery's task state is one of its fields (greeter/jobs/backend.py writes it), so
whoever reads a record reads everything about the job in one round trip. Each id is in one of three sorted sets:
`jobs:waiting`, by time of submission, so that a job's rank there is its place in the queue; `jobs:running`;
`jobs:ended`, by time of end. `workers` has the time at which each worker last announced itself, `asked` the one at
which somebody last asked how many; `counted` is how many jobs ended, and how; `limits:...` is how often each
client submitted in this minute (greeter/web/limits.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import redis
from celery.states import READY_STATES
from kombu.utils.json import dumps, loads
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from greeter.jobs.errors import JobNotFound, QueueFull, TooManyJobs
from greeter.jobs.files import Folders
from greeter.jobs.record import Record
from greeter.jobs.scripts import SCRIPTS
from greeter.logs import REQUEST
from greeter.settings import Settings

_BROKERS_LIST = "celery"
_SECONDS_UNTIL_A_WORKER_IS_MISSED = 15
_SECONDS_UNTIL_A_MESSAGE_IS_MISSED = 10
_SECONDS_TO_CANCEL = 6
MOST_ATTEMPTS = 2
PROGRESS = "PROGRESS"


@dataclass(frozen=True)
class Submission:
    """What is told of a submission beside the tool and its parameters; all of it may be left out."""

    label: str = ""
    client: str = ""  # who submits, to count the active jobs of one
    token: str = ""  # of the form, so that submitting it twice makes one job


class Store:
    """The jobs' records, with their folders. Methods that ask Redis raise redis.RedisError when it cannot be had."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.folders = Folders(settings.data_dir / "jobs")
        # A connection that Redis closed is opened anew; a Redis that hangs is not asked twice, for a page should
        # say so within three seconds, even when many ask.
        retry = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
        self.redis = Redis.from_url(settings.redis_url, socket_timeout=1, socket_connect_timeout=1, retry=retry)
        self._scripts = {name: self.redis.register_script(source) for name, source in SCRIPTS.items()}

    def _run(self, script: str, *args: Any) -> Any:
        return self._scripts[script](args=args)

    # What the web asks for.

    def create(self, job_id: str, tool: str, params: Mapping[str, Any], submission: Submission) -> str:
        """Keep a new job and return its id, or that of the job that the same form made before.

        A parameter given as bytes becomes the file `inputs/<its name>`. Raises QueueFull or TooManyJobs, and
        OSError when the disk has no room; then nothing is kept.
        """
        files = {name: value for name, value in params.items() if isinstance(value, bytes)}
        plain = dumps({name: value for name, value in params.items() if name not in files})
        sums = {name: sha256(content).hexdigest() for name, content in files.items()}
        fields = {
            "tool": tool,
            "params": plain,
            "sums": dumps(sums),
            "label": submission.label,
            "request": REQUEST.get(),
        }
        # The same form with other input is another job.
        same = sha256(f"{submission.token} {tool} {plain} {sums}".encode()).hexdigest() if submission.token else ""
        limits, kept_for = (self._settings.max_waiting, self._settings.max_active), self._settings.retention
        self.redis.ping()  # before anything is written for nothing
        self.folders.create(job_id, files)
        # When the answer is lost, the job may be there or not: its folder stays, and remove_orphans() may find it.
        try:
            kept: str = self._run("create", job_id, same, submission.client, *limits, kept_for, *_flat(fields)).decode()
        except redis.ResponseError:  # a clear answer: Redis is full, say
            self.folders.remove(job_id)
            raise
        if kept != job_id:
            self.folders.remove(job_id)
        if kept == "full":
            raise QueueFull
        if kept == "busy":
            raise TooManyJobs
        return kept

    def find(self, job_id: str) -> Record:
        """Read a record, in one round trip. Raises JobNotFound."""
        shown = self._run("read", job_id, _SECONDS_UNTIL_A_WORKER_IS_MISSED)
        if shown is None:
            raise JobNotFound(job_id)
        return Record(job_id, shown, self._settings.retention_days)

    def details(self, job_id: str) -> dict[str, Any]:
        """The `params` of a job that are no files, the SHA-256 `sums` of the others, the `versions` it ran with."""
        found = self.fields(job_id, "params", "sums", "versions")
        return {"params": {}, "sums": {}, "versions": {}} | {name: loads(text) for name, text in found.items()}

    def params(self, job_id: str, plain: bytes | None = None) -> dict[str, Any]:
        """The parameters of a job, of which `plain` are those that are no files; files as their Path."""
        values = loads(plain) if plain else self.details(job_id)["params"]
        return {**values, **self.folders.inputs(job_id)}

    def fields(self, job_id: str, *names: str) -> dict[str, str]:
        """Fields of a record that find() leaves out, those of them that it has."""
        values: Any = self.redis.hmget(f"job:{job_id}", names)
        return {name: value.decode() for name, value in zip(names, values, strict=True) if value}

    def cancel(self, job_id: str) -> str:
        """Ask for the end of a job. Raises JobNotFound.

        Returns "cancelled" for one that waited, or that nobody runs; "running" for one that is told so by its next
        beat, "ended" for one that had ended.
        """
        if answer := self._run("cancel", job_id, self._settings.silence_limit):
            return str(answer.decode())
        raise JobNotFound(job_id)

    def delete(self, job_id: str) -> bool:
        """Remove the folder and the record of a job that has ended; False when it has not. Raises JobNotFound."""
        if self.find(job_id).active:
            return False
        self.folders.remove(job_id)  # first: when Redis goes away now, the record is left, and this is done again
        self._run("delete", job_id)
        return True

    def counts(self) -> tuple[dict[str, int], dict[tuple[str, ...], float]]:
        """The jobs `waiting` and `running` and the `workers` heard of lately, and what was counted of jobs at ends.

        That is the number that `("ended", tool, phase)`, the time that they ran in `("seconds", tool)`, and the number
        that ran no longer than one of BOUNDS, but longer than the one before, in `("bucket", tool, bound)`. Raises
        redis.RedisError also when Redis takes no writes.
        """
        *now, counted = self._run("counts", "", _SECONDS_UNTIL_A_WORKER_IS_MISSED)
        fields = iter(_texts(counted))
        ended = {tuple(name.split()): float(number) for name, number in zip(fields, fields, strict=True)}
        return dict(zip(("waiting", "running", "workers"), now, strict=True)), ended

    # What the process that runs a job says. `worker` and `process` are those that claimed it; nobody else is listened
    # to but the main process of the worker, which is "".

    def claim(self, job_id: str, worker: str, process: int | str, versions: Mapping[str, str]) -> dict[str, Any] | None:
        """Begin a waiting job and return its parameters; None when it does not wait, or not any more."""
        plain = self._run("claim", job_id, worker, process, dumps(versions))
        if not plain:
            return None
        self.folders.remove_outputs(job_id)  # of an attempt that was lost
        return self.params(job_id, plain)

    def beat(self, job_id: str, worker: str, process: int | str = "") -> str | None:
        """Say that the job goes on; returns "running", "cancel" when that was asked for, None when it was lost."""
        answer = self._run("beat", job_id, worker, process)
        return answer.decode() if answer else None

    def report(self, job_id: str, worker: str, process: int | str, progress: Mapping[str, Any]) -> None:
        """Keep how far a running job is."""
        self.write(job_id, worker, PROGRESS, {"progress": dumps(progress)}, process)

    def write(self, job_id: str, worker: str, state: str, fields: Mapping[str, Any], process: int | str = "") -> bool:
        """Change the state and fields of a running job; False, and nothing changes, when it was lost."""
        return bool(self._run("write", job_id, worker, process, state, int(state in READY_STATES), *_flat(fields)))

    # What the main process of a worker sees to.

    def announce(self, worker: str, jobs: Iterable[str]) -> list[str]:
        """Say that a worker is there and runs these jobs; returns those of them that were to end some seconds ago."""
        return _texts(self._run("announce", worker, _SECONDS_TO_CANCEL, *jobs))

    def lose(self, job_id: str, worker: str, silent: bool, counted: bool, result: bytes = b"") -> str | None:
        """Let a running job wait again, because its process is gone, or so it seems when it is `silent`.

        When this attempt is `counted` and was the last one, the job fails with `result`. Returns the job's new
        state, or None when the worker had lost it already, or has been heard of again.
        """
        silence = self._settings.silence_limit if silent else 0
        state = self._run("lose", job_id, worker, silence, int(counted), MOST_ATTEMPTS, result)
        return state.decode() if state else None

    def silent(self) -> list[tuple[str, str]]:
        """The running jobs, each with its worker, of which nobody has heard for too long."""
        found = iter(_texts(self._run("silent", "", self._settings.silence_limit)))
        return list(zip(found, found, strict=True))

    def unsent(self) -> list[str]:
        """The waiting jobs of some age whose messages are lost; they now wait behind the others."""
        return _texts(self._run("unsent", "", _BROKERS_LIST, _SECONDS_UNTIL_A_MESSAGE_IS_MISSED))

    def expired(self) -> list[str]:
        """Some of the jobs that have been kept as long as was promised."""
        return _texts(self._run("expired", "", self._settings.retention))

    def remove_orphans(self) -> None:
        """Remove the folders without a record: of submissions whose answer was lost.

        Not before jobs of their age are removed anyway, for REDIS_URL may name the wrong Redis.
        """
        for job_id in self.folders.untouched_for(self._settings.retention):
            if not self.redis.exists(f"job:{job_id}"):
                self.folders.remove(job_id)


def _flat(fields: Mapping[str, Any]) -> list[Any]:
    return [part for pair in fields.items() for part in pair]


def _texts(reply: list[bytes]) -> list[str]:
    return [item.decode() for item in reply]
