"""The record of a job as it was read from Redis."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from hashlib import blake2b

from celery import states

from greeter.jobs import progress as estimates
from greeter.jobs.phase import Phase, phase_of
from greeter.jobs.progress import ReportedProgress, read_log, read_progress
from greeter.jobs.snapshot import Snapshot, read_json
from greeter.toolkit.job import Result
from greeter.toolkit.json_types import JSON


class Record:
    """One reading of a job's record. It is decoded only when needed, because most polls compare the tag alone."""

    def __init__(self, job_id: str, snapshot: bytes, retention_days: int | None) -> None:
        """Take the JSON of a Snapshot; `retention_days` is None for a job that is kept forever."""
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
    def _fields(self) -> Snapshot:
        fields: Snapshot = json.loads(self.snapshot)
        return fields

    @property
    def state(self) -> str:
        """Celery's state of the task."""
        return self._fields["state"]

    @cached_property
    def phase(self) -> Phase:
        """The phase of the job."""
        return phase_of(self.state, self.partial)

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
    def tool(self) -> str:
        """The name of the job's tool."""
        return self._fields["tool"]

    @property
    def label(self) -> str:
        """The name that the user gave the job; may be empty."""
        return self._fields.get("label", "")

    @property
    def request(self) -> str:
        """The id of the request that submitted the job; may be empty."""
        return self._fields.get("request", "")

    @property
    def attempts(self) -> int:
        """How often the job has started, not counting attempts that an orderly stop of their worker ended."""
        return int(self._fields["attempts"])

    @property
    def attempt(self) -> int:
        """The number of the attempt whose files count; 0 if there was none. Never used again for another attempt."""
        return int(self._fields.get("claims", 0))

    @property
    def cancel_requested(self) -> bool:
        """Whether the job was cancelled but is still running."""
        return "cancel_requested" in self._fields

    @property
    def partial(self) -> bool:
        """Whether the result is a fallback."""
        return "partial" in self._fields

    @property
    def has_result(self) -> bool:
        """Whether the tool returned a result, complete or partial."""
        return "result" in self._fields and self.state != states.FAILURE

    @property
    def ahead(self) -> int | None:
        """How many jobs are ahead of this one in the queue; None unless it is waiting."""
        return self._fields.get("ahead")

    @property
    def queue(self) -> str:
        """The name of the job's queue."""
        return self._fields["queue"]

    @property
    def workers(self) -> int:
        """How many workers of the job's queue sent a heartbeat recently."""
        return self._fields["workers"]

    @property
    def elapsed(self) -> int:
        """Seconds since the job started, or was submitted if it is waiting. Whole minutes after the first."""
        return int(self._fields["elapsed"])

    @property
    def silence(self) -> int:
        """Seconds since the last heartbeat of a running job; 0 if there was one within 30 seconds."""
        return int(self._fields.get("silence", 0))

    @property
    def mail(self) -> str:
        """The `MailState` of its mail; may be empty."""
        return self._fields.get("mail", "")

    @cached_property
    def meta(self) -> JSON:
        """The meta of Celery's state, which a tool may set to any JSON value."""
        return read_json(self._fields["progress"]) if "progress" in self._fields else None

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
        """When the job was submitted, started and ended, without what has not happened yet."""
        fields = self._fields
        stamps = {"submitted": fields["submitted"], "started": fields.get("started"), "ended": fields.get("ended")}
        return {name: datetime.fromtimestamp(int(float(stamp)), UTC) for name, stamp in stamps.items() if stamp}

    @cached_property
    def kept_until(self) -> date | None:
        """The date on which the job is removed; for an active job, the earliest possible one; None for a sample."""
        if self._retention_days is None:
            return None
        today = date(1970, 1, 1) + timedelta(days=self._fields["today"])
        return self.times.get("ended", today) + timedelta(days=self._retention_days)

    @cached_property
    def result(self) -> Result | None:
        """What the tool returned; for a failed job, see `errors.failure_result`; None if there is nothing."""
        return read_json(self._fields["result"]) if "result" in self._fields else None

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
