"""A job's record as it was read from Redis, in the words that people see."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cached_property
from hashlib import blake2b
from typing import Any

from celery import states
from kombu.utils.json import loads

# What a page needs; never a parameter, which can be large.
FIELDS = (
    "state",
    "tool",
    "label",
    "submitted",
    "started",
    "ended",
    "seen",
    "attempts",
    "cancel",
    "progress",
    "partial",
    "result",
)
_MORE = ("ahead", "workers", "now")

_PHASES = {states.PENDING: "waiting", states.SUCCESS: "finished", states.FAILURE: "failed", states.REVOKED: "cancelled"}
_SECONDS_OF_SILENCE_SHOWN = 30


class Record:
    """One reading of a job's record. Fields are decoded when they are asked for: most polls ask for none."""

    def __init__(self, job_id: str, reply: Sequence[Any], retention: int) -> None:
        """Take the values of FIELDS and what the script READ gives behind them; `retention` is in seconds."""
        self.id = job_id
        self._raw: dict[str, Any] = dict(zip((*FIELDS, *_MORE), reply, strict=True))
        self._now = int(self._raw["now"])
        self._retention = retention

    @cached_property
    def tag(self) -> str:
        """A short text that changes when what a page shows of the job changes."""
        shown = [value for name, value in self._raw.items() if name not in ("seen", "now")]
        times = [seconds if seconds < 60 else seconds // 60 * 60 for seconds in (self.elapsed, self.silence)]
        return blake2b(repr((shown, times)).encode(), digest_size=9).hexdigest()

    @cached_property
    def state(self) -> str:
        """Celery's state of the task."""
        return str(self._raw["state"].decode())

    @property
    def phase(self) -> str:
        """The state in our words: waiting, running, finished, stopped (at the time limit), failed or cancelled."""
        if self.state == states.SUCCESS and self.partial:
            return "stopped"
        return _PHASES.get(self.state, "running")

    @property
    def active(self) -> bool:
        """Whether anything can still change."""
        return self.state not in states.READY_STATES

    @property
    def tool(self) -> str:
        """The name of the job's tool."""
        return str(self._raw["tool"].decode())

    @property
    def label(self) -> str:
        """What its user calls the job; may be empty."""
        return str((self._raw["label"] or b"").decode())

    @property
    def attempts(self) -> int:
        """How many times a worker has begun the job, without those that were stopped in an orderly way."""
        return int(self._raw["attempts"])

    @property
    def cancelling(self) -> bool:
        """Whether the job runs although its end was asked for."""
        return bool(self._raw["cancel"])

    @property
    def partial(self) -> bool:
        """Whether the result is what there was when the job had to stop."""
        return bool(self._raw["partial"])

    @property
    def has_result(self) -> bool:
        """Whether the tool returned something: all of it, or what it had when it had to stop."""
        return bool(self._raw["result"]) and self.state != states.FAILURE

    @property
    def ahead(self) -> int | None:
        """How many jobs wait before this one; None when it does not wait."""
        return self._raw["ahead"]  # type: ignore[no-any-return]

    @property
    def workers(self) -> int:
        """How many workers have been heard of lately."""
        return int(self._raw["workers"])

    @cached_property
    def elapsed(self) -> int:
        """Seconds since the job began, or since it was submitted while it waits; until its end when it has one."""
        since = self._raw["started"] or self._raw["submitted"]
        return max(0, int(float(self._raw["ended"] or self._now) - float(since)))

    @cached_property
    def silence(self) -> int:
        """Seconds without a sign of life from the process that runs the job or its worker; 0 when they are few."""
        silence = self._now - int(float(self._raw["seen"])) if self.phase == "running" else 0
        return silence if silence >= _SECONDS_OF_SILENCE_SHOWN else 0

    @cached_property
    def meta(self) -> Any:
        """The meta of Celery's state, which a tool may set to anything."""
        return loads(self._raw["progress"]) if self._raw["progress"] else None

    @property
    def progress(self) -> dict[str, Any]:
        """What the job last told of itself: `current` of `total` (which may be None) in `unit`s; may be empty."""
        meta = self.meta if isinstance(self.meta, dict) else {}
        counts = isinstance(meta.get("current"), int) and isinstance(meta.get("total"), int | None)
        return {"total": None, "unit": "step"} | meta if counts else {}

    @property
    def percent(self) -> int | None:
        """How much of the job is done, where that is known."""
        total = self.progress.get("total")
        return int(100 * self.progress["current"] / total) if total else None

    @property
    def remaining(self) -> int | None:
        """Seconds that the rest will take at the pace so far; None before 3 units and 5 seconds, when it is a guess."""
        done, total = self.progress.get("current", 0), self.progress.get("total")
        if not total or done < 3 or self.elapsed < 5:
            return None
        return int(self.elapsed * (total - done) / done)

    @property
    def times(self) -> dict[str, datetime]:
        """When the job was submitted, started and ended, as far as it was."""
        stamps = {name: self._raw[name] for name in ("submitted", "started", "ended") if self._raw[name]}
        return {name: datetime.fromtimestamp(int(float(stamp)), UTC) for name, stamp in stamps.items()}

    @property
    def kept_until(self) -> datetime:
        """When the job is removed; as long as it is active, the earliest day on which that can be."""
        return datetime.fromtimestamp(float(self._raw["ended"] or self._now) + self._retention, UTC)

    @cached_property
    def result(self) -> Any:
        """What the tool returned; of a failed job, its error as Celery keeps it; None when there is nothing."""
        return loads(self._raw["result"]) if self._raw["result"] else None

    @property
    def sentence(self) -> str | None:
        """Why the job failed, for its user; None when the reason is our bug."""
        return self.result.get("sentence") if self.state == states.FAILURE else None

    @property
    def reference(self) -> str:
        """The start of the id. The log has the whole id; whoever knows only the start cannot open the page."""
        return self.id[:8]
