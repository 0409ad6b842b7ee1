"""How far a job is, and what that says about its remaining time."""

from __future__ import annotations

from typing import Any

from greeter.toolkit.job import Progress

_MOST = 10**15  # of a count or of seconds that a page shows; a tool may set any number
_TYPES = {"current": int, "total": int | None, "unit": str | None, "seconds": int | float}


class ReportedProgress(Progress):
    """How far a job was at its last report.

    Attributes:
        seconds: Seconds since the first unit.
    """

    seconds: float


def read_progress(meta: Any) -> ReportedProgress | None:
    """Return the progress in the meta of Celery's state, which may be any JSON value; None if it has none."""
    if not isinstance(meta, dict):
        return None
    meta = {"total": None, "unit": "step", "seconds": 0} | meta
    if not all(isinstance(meta.get(name), kind) for name, kind in _TYPES.items()):
        return None
    if not all(0 <= meta[name] <= _MOST for name in ("current", "total", "seconds") if meta[name] is not None):
        return None
    return ReportedProgress(
        current=meta["current"], total=meta["total"], unit=meta["unit"] or "step", seconds=meta["seconds"]
    )


def percent(progress: ReportedProgress | None) -> int | None:
    """Return how much is done, if the total is known."""
    return int(100 * progress["current"] / progress["total"]) if progress and progress["total"] else None


def remaining(progress: ReportedProgress | None) -> int | None:
    """Return the seconds left at the rate so far; None before 3 units and 5 seconds, when it would be a guess."""
    if not progress or not progress["total"] or progress["current"] < 3 or progress["seconds"] < 5:
        return None
    return int(progress["seconds"] * (progress["total"] - progress["current"]) / progress["current"])
