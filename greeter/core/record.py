"""A job's record as it was read from Redis, in the words that people see."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cached_property
from hashlib import blake2b
from typing import Any

from celery import states
from kombu.utils.json import loads

# What a page needs; never a parameter, which can be large.
FIELDS = ("state", "tool", "submitted", "started", "ended", "progress", "partial", "result")

_PHASES = {states.PENDING: "waiting", states.SUCCESS: "finished", states.FAILURE: "failed", states.REVOKED: "cancelled"}


class Record:
    """One reading of a job's record. Fields are decoded when they are asked for: most polls ask for none."""

    def __init__(self, job_id: str, reply: Sequence[bytes | int | None]) -> None:
        """Take the values of FIELDS and, behind them, the job's rank among those that wait."""
        self.id = job_id
        self._reply = tuple(reply)
        self._raw: dict[str, Any] = dict(zip((*FIELDS, "ahead"), reply, strict=True))

    @cached_property
    def tag(self) -> str:
        """A short text that changes when what a page shows of the job changes."""
        shown = self.elapsed if self.elapsed < 60 else self.elapsed // 60 * 60
        return blake2b(repr((self._reply, shown)).encode(), digest_size=9).hexdigest()

    @cached_property
    def state(self) -> str:
        """Celery's state of the task."""
        return str(self._raw["state"].decode())

    @property
    def phase(self) -> str:
        """The state in our words: waiting, running, finished, stopped (at the time limit), failed or cancelled."""
        return "stopped" if self._raw["partial"] else _PHASES.get(self.state, "running")

    @property
    def active(self) -> bool:
        """Whether anything can still change."""
        return self.state not in states.READY_STATES

    @property
    def tool(self) -> str:
        """The name of the job's tool."""
        return str(self._raw["tool"].decode())

    @property
    def ahead(self) -> int | None:
        """How many jobs wait before this one; None when it does not wait."""
        return self._raw["ahead"]  # type: ignore[no-any-return]

    @cached_property
    def elapsed(self) -> int:
        """Seconds since the job began, or since it was submitted while it waits; until its end when it has one."""
        since = self._raw["started"] or self._raw["submitted"]
        return max(0, int(float(self._raw["ended"] or time.time()) - float(since)))

    @cached_property
    def progress(self) -> dict[str, Any]:
        """What the job last told of itself: `current` of `total` (which may be None) in `unit`s; may be empty."""
        return dict(loads(self._raw["progress"])) if self._raw["progress"] else {}

    @cached_property
    def result(self) -> Any:
        """What the tool returned; of a failed job, its error as Celery keeps it; None before the end."""
        return loads(self._raw["result"]) if self._raw["result"] else None

    @property
    def sentence(self) -> str | None:
        """Why the job failed, for its user; None when the reason is our bug."""
        return self.result.get("sentence") if self.state == states.FAILURE else None

    @property
    def reference(self) -> str:
        """The start of the id. The log has the whole id; whoever knows only the start cannot open the page."""
        return self.id[:8]
