"""The progress of a job, and estimates from it, such as the remaining time."""

from collections.abc import Mapping
from types import UnionType

from greeter.toolkit.steps import Progress, Stage

_MOST = 10**15  # of a count or of seconds that a page shows; a tool may set any number
_TYPES = {"current": int, "total": int | None, "unit": str | None, "seconds": int | float}
_STAGE_TYPES = {"name": str, "number": int | None, "total": int | None}


class ReportedProgress(Progress):
    """How far a job was at its last report."""

    seconds: float  # since the first unit


Report = Mapping[str, object]
"""What the process of a job reports: a ReportedProgress, as far as it is known, and the last lines of the log."""


def read_progress(meta: object) -> ReportedProgress | None:
    """Return the progress in the meta of Celery's state, which may be any JSON value; None if it has none."""
    if not isinstance(meta, dict):
        return None
    known = {"total": None, "unit": "step", "seconds": 0, **meta}
    if not _can_be_shown(known, _TYPES):
        return None
    current, total, seconds = known["current"], known["total"], known["seconds"]
    progress = ReportedProgress(current=current, total=total, unit=known["unit"] or "step", seconds=seconds)
    stage = known.get("stage")
    if isinstance(stage, dict) and _can_be_shown(stage, _STAGE_TYPES):
        progress["stage"] = Stage(name=stage["name"], number=stage["number"], total=stage["total"])
    return progress


def _can_be_shown(values: Mapping[str, object], types: Mapping[str, type | UnionType]) -> bool:
    """Return whether values have these types, and no number is negative or too large."""
    found = [values.get(name) for name in types]
    if not all(isinstance(value, kind) for value, kind in zip(found, types.values(), strict=True)):
        return False
    return all(0 <= value <= _MOST for value in found if isinstance(value, int | float))


def read_log(meta: object) -> str:
    """Return the end of the log in the meta of Celery's state, or an empty string."""
    log = meta.get("log") if isinstance(meta, dict) else None
    return log if isinstance(log, str) else ""


def stage(progress: Progress | None) -> str:
    """Return the stage as in `Searching, stage 2 of 3`, or an empty string."""
    if not progress or "stage" not in progress:
        return ""
    name, number, total = progress["stage"]["name"], progress["stage"]["number"], progress["stage"]["total"]
    return f"{name}, stage {number}{f' of {total}' if total else ''}" if number else name


def percent(progress: ReportedProgress | None) -> int | None:
    """Return how much is done; None if the total is unknown, or if a stage is complete but the job is not."""
    if not progress or not progress["total"] or _is_between_stages(progress):
        return None
    return int(100 * progress["current"] / progress["total"])


def remaining(progress: ReportedProgress | None) -> int | None:
    """Return the seconds left at the rate so far; None before 3 units and 5 seconds, when it would be a guess."""
    if not progress or not progress["total"] or progress["current"] < 3 or progress["seconds"] < 5:
        return None
    if _is_between_stages(progress):
        return None
    return int(progress["seconds"] * (progress["total"] - progress["current"]) / progress["current"])


def stages_remain(progress: ReportedProgress | None) -> bool:
    """Return whether other stages follow, as far as is known."""
    stage = progress.get("stage") if progress else None
    return stage is not None and (stage["total"] is None or (stage["number"] or 0) < stage["total"])


def _is_between_stages(progress: ReportedProgress) -> bool:
    return stages_remain(progress) and progress["current"] >= (progress["total"] or 0)
