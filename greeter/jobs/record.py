"""The record of a job as it was read from Redis."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from hashlib import blake2b
from typing import TypeVar

from celery import states

from greeter.jobs import progress as estimates
from greeter.jobs.phase import OF_STATE, Phase
from greeter.jobs.progress import ReportedProgress, read_log, read_progress
from greeter.toolkit.job import Result
from greeter.toolkit.json_types import JSON

_EPOCH, _DAY = date(1970, 1, 1), 86_400  # seconds
Value = TypeVar("Value")


_decode = json.JSONDecoder(parse_constant=lambda name: None).decode
"""Decodes what a tool stored; NaN and Infinity, which are not JSON, become None."""


def _field(name: str, kind: Callable[..., Value], *missing: str) -> cached_property[Value]:
    """Return a property with a field of the snapshot. Without the field, it is what `kind` returns for `missing`."""

    def read(record: "Record") -> Value:
        return kind(record._fields[name]) if name in record._fields else kind(*missing)

    return cached_property(read)


class Record:
    """One reading of a job's record. It is decoded only when needed, because most polls compare the tag alone.

    The snapshot is the JSON that lua/read.lua returns. Times in it are seconds since the epoch, by the clock of Redis.
    """

    state = _field("state", str)  # Celery's state of the task
    tool = _field("tool", str)  # the name of its tool
    label = _field("label", str)  # the name that the user gave the job; may be empty
    request = _field("request", str)  # the id of the request that submitted the job; may be empty
    attempts = _field("attempts", int)  # how often it started, without those that ended because their worker stopped
    attempt = _field("claims", int)  # the number of the attempt whose files count; 0 before the first
    cancel_requested = _field("cancel_requested", bool)  # whether it was cancelled but is still running
    partial = _field("partial", bool)  # whether the result is a fallback
    queue = _field("queue", str)
    workers = _field("workers", int)  # of this queue, with a recent heartbeat; 0 if none of them has its tool
    elapsed = _field("elapsed", int)  # seconds since the start, or the submission; multiples of 60 after a minute
    silence = _field("silence", int)  # seconds since the last heartbeat; 0 if there was one within 30 seconds
    mail = _field("mail", str)  # the `MailState` of its email; may be empty
    meta: cached_property[JSON] = _field("progress", _decode, "null")  # of Celery's state; a tool may set any value
    result: cached_property[Result | None] = _field("result", _decode, "null")  # of a failed job: `failure_result`

    def __init__(self, job_id: str, snapshot: bytes, retention_days: int | None) -> None:
        """Take a snapshot; `retention_days` is None for a job that is kept forever."""
        self.id = job_id
        self.snapshot = snapshot
        self._retention_days = retention_days

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record) and (self.id, self.snapshot) == (other.id, other.snapshot)

    def __hash__(self) -> int:
        return hash((self.id, self.snapshot))

    @cached_property
    def tag(self) -> str:
        """A short text that changes whenever the page of the job changes."""
        return blake2b(self.snapshot, digest_size=9).hexdigest()

    @cached_property
    def _fields(self) -> dict[str, str | int]:
        fields: dict[str, str | int] = json.loads(self.snapshot)
        return fields

    @cached_property
    def phase(self) -> Phase:
        """The phase of the job."""
        phase = OF_STATE.get(self.state, Phase.RUNNING)
        return Phase.STOPPED if phase == Phase.FINISHED and self.partial else phase

    @cached_property
    def heading(self) -> str:
        """The phase as a heading."""
        if self.phase == Phase.RUNNING and self.cancel_requested:
            return "Cancelling"
        return "Stopped at the time limit" if self.phase == Phase.STOPPED else self.phase.capitalize()

    @property
    def summary(self) -> str:
        """The heading or, if they are known, the stage and how much is done."""
        return self._progress_in_words("" if self.percent is None else f"{self.percent} %")

    @property
    def milestone(self) -> str:
        """What screen readers announce: each stage, each quarter that is done, and the end."""
        quarter = (self.percent or 0) // 25 * 25
        return self._progress_in_words(f"{quarter} percent done" if quarter else "")

    def _progress_in_words(self, done: str) -> str:
        known = [estimates.stage(self.progress), done] if self.phase == Phase.RUNNING else []
        return ", ".join(filter(None, known)) or self.heading

    @property
    def active(self) -> bool:
        """Whether the job has not ended."""
        return self.state not in states.READY_STATES

    @property
    def has_result(self) -> bool:
        """Whether the tool returned a result, complete or partial."""
        return "result" in self._fields and self.state != states.FAILURE

    @property
    def ahead(self) -> int | None:
        """How many jobs are ahead of this one in the queue; None unless it is waiting."""
        return int(self._fields["ahead"]) if "ahead" in self._fields else None

    @property
    def log(self) -> str:
        """The last lines of the job's log; may be empty."""
        return read_log(self.meta)

    @cached_property
    def progress(self) -> ReportedProgress | None:
        """How far the job is; None before it reports, or if the tool set another meta."""
        return read_progress(self.meta)

    @cached_property
    def percent(self) -> int | None:
        """How much of the job, or of its stage, is done, if the total is known."""
        return estimates.percent(self.progress)

    @cached_property
    def remaining(self) -> int | None:
        """Seconds left of the job, or of its stage, at the rate so far, if they are known."""
        return estimates.remaining(self.progress)

    @property
    def times(self) -> dict[str, datetime]:
        """The times "submitted", "started" and "ended", as far as they are known."""
        stamps = {name: self._fields.get(name) for name in ("submitted", "started", "ended")}
        return {name: datetime.fromtimestamp(int(float(stamp)), UTC) for name, stamp in stamps.items() if stamp}

    @cached_property
    def kept_until(self) -> date | None:
        """The date on which the job is removed; for an active job, the earliest possible one; None for a sample."""
        if self._retention_days is None:
            return None
        ended = self._fields.get("ended")
        day = int(float(ended)) // _DAY if ended else int(self._fields["today"])
        return _EPOCH + timedelta(days=day + self._retention_days)

    @property
    def _failure(self) -> Result:
        return (self.result or {}) if self.state == states.FAILURE else {}

    @property
    def user_message(self) -> str | None:
        """Why the job failed and what to do; None if it did not fail, or failed because of a bug."""
        return self._failure.get("user_message")

    @property
    def output(self) -> str:
        """The end of the error output of the program that made the job fail; may be empty."""
        return str(self._failure.get("output", ""))

    @property
    def reference(self) -> str:
        """The start of the id, as in the log; it does not give access to the job's page."""
        return self.id[:8]
