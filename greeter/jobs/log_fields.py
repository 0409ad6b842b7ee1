"""What a log line says about a job."""

from __future__ import annotations

from greeter.jobs.record import Record


def log_fields(record: Record) -> dict[str, str | int]:
    """Return the fields of a log line about a job; nothing that the user entered."""
    fields: dict[str, str | int] = {
        "job": record.reference,
        "request": record.request,
        "tool": record.tool,
        "attempts": record.attempts,
    }
    if not record.active:
        times = record.times
        started = times.get("started", times["ended"])
        fields |= {"state": record.phase, "seconds": int((times["ended"] - started).total_seconds())}
    return fields
