"""A job's record as it was read from Redis, in the words that people see."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from hashlib import blake2b
from typing import Any

from celery import states
from kombu.utils.json import loads

_PHASES = {states.PENDING: "waiting", states.SUCCESS: "finished", states.FAILURE: "failed", states.REVOKED: "cancelled"}


class Record:
    """One reading of a job's record. It is decoded when something is asked of it: most polls ask for the tag alone."""

    def __init__(self, job_id: str, shown: bytes, retention_days: int | None) -> None:
        """Take what the script READ gives; `retention_days` is None for a job that is kept for ever."""
        self.id = job_id
        self.shown = shown
        self._retention_days = retention_days

    @property
    def tag(self) -> str:
        """A short text that changes when what a page shows of the job changes."""
        return blake2b(self.shown, digest_size=9).hexdigest()

    @cached_property
    def _raw(self) -> dict[str, Any]:
        return dict(json.loads(self.shown))

    @property
    def state(self) -> str:
        """Celery's state of the task."""
        return str(self._raw["state"])

    @property
    def phase(self) -> str:
        """The state in our words: waiting, running, finished, stopped (at the time limit), failed or cancelled."""
        if self.state == states.SUCCESS and self.partial:
            return "stopped"
        return _PHASES.get(self.state, "running")

    @property
    def words(self) -> str:
        """The phase as a title."""
        if self.phase == "running" and self.cancelling:
            return "Cancelling"
        return "Stopped at the time limit" if self.phase == "stopped" else self.phase.capitalize()

    @property
    def active(self) -> bool:
        """Whether anything can still change."""
        return self.state not in states.READY_STATES

    @property
    def tool(self) -> str:
        """The name of the job's tool."""
        return str(self._raw["tool"])

    @property
    def label(self) -> str:
        """What its user calls the job; may be empty."""
        return str(self._raw.get("label", ""))

    @property
    def request(self) -> str:
        """The id of the request that submitted the job; may be empty."""
        return str(self._raw.get("request", ""))

    @property
    def attempts(self) -> int:
        """How many times a worker has begun the job, without those that were stopped in an orderly way."""
        return int(self._raw["attempts"])

    @property
    def cancelling(self) -> bool:
        """Whether the job runs although its end was asked for."""
        return "cancel" in self._raw

    @property
    def partial(self) -> bool:
        """Whether the result is what there was when the job had to stop."""
        return "partial" in self._raw

    @property
    def has_result(self) -> bool:
        """Whether the tool returned something: all of it, or what it had when it had to stop."""
        return "result" in self._raw and self.state != states.FAILURE

    @property
    def ahead(self) -> int | None:
        """How many jobs wait before this one; None when it does not wait."""
        return self._raw.get("ahead")

    @property
    def workers(self) -> int:
        """How many workers have been heard of lately."""
        return int(self._raw["workers"])

    @property
    def elapsed(self) -> int:
        """Seconds since the job began, or since it was submitted while it waits; until its end when it has one.

        After the first minute, in whole minutes.
        """
        return int(self._raw["elapsed"])

    @property
    def silence(self) -> int:
        """Seconds without a sign of life from the process that runs the job and its worker; 0 when they are few."""
        return int(self._raw.get("silence", 0))

    @cached_property
    def meta(self) -> Any:
        """The meta of Celery's state, which a tool may set to anything."""
        return loads(self._raw["progress"]) if "progress" in self._raw else None

    @property
    def progress(self) -> dict[str, Any]:
        """What the job last told of itself: `current` of `total` (which may be None) in `unit`s, in `seconds`.

        May be empty.
        """
        meta = {"total": None, "unit": "step", "seconds": 0} | (self.meta if isinstance(self.meta, dict) else {})
        kinds = {"current": int, "total": int | None, "seconds": int | float}
        return meta if all(isinstance(meta.get(name), kind) for name, kind in kinds.items()) else {}

    @property
    def percent(self) -> int | None:
        """How much of the job is done, where that is known."""
        total = self.progress.get("total")
        return int(100 * self.progress["current"] / total) if total else None

    @property
    def remaining(self) -> int | None:
        """Seconds that the rest takes at the pace so far; None before 3 units and 5 seconds, when it is a guess."""
        done, total, seconds = (self.progress.get(name) or 0 for name in ("current", "total", "seconds"))
        return int(seconds * (total - done) / done) if total and done >= 3 and seconds >= 5 else None

    @property
    def times(self) -> dict[str, datetime]:
        """When the job was submitted, started and ended, as far as it was."""
        stamps = {name: self._raw[name] for name in ("submitted", "started", "ended") if name in self._raw}
        return {name: datetime.fromtimestamp(int(float(stamp)), UTC) for name, stamp in stamps.items()}

    @property
    def kept_until(self) -> date | None:
        """The day on which the job is removed; as long as it is active, the earliest that it can be; None for never."""
        if self._retention_days is None:
            return None
        today = date(1970, 1, 1) + timedelta(days=self._raw["today"])
        return self.times.get("ended", today) + timedelta(days=self._retention_days)

    @cached_property
    def result(self) -> Any:
        """What the tool returned; of a failed job, its error as Celery keeps it; None when there is nothing."""
        return loads(self._raw["result"]) if "result" in self._raw else None

    @property
    def sentence(self) -> str | None:
        """Why the job failed, for its user; None when the reason is our bug."""
        return self.result.get("sentence") if self.state == states.FAILURE else None

    @property
    def reference(self) -> str:
        """The start of the id, which stands in the log; whoever knows only that cannot open the page."""
        return self.id[:8]

    @property
    def told(self) -> dict[str, Any]:
        """What the log tells of the job: nothing that its user gave."""
        told = {"job": self.reference, "request": self.request, "tool": self.tool, "attempts": self.attempts}
        if not self.active:
            times = self.times
            began = times.get("started", times["ended"])
            told |= {"state": self.phase, "seconds": int((times["ended"] - began).total_seconds())}
        return told
