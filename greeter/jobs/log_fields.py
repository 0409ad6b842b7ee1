"""What a log line says about a job."""

from greeter.jobs.record import Record

LogFields = dict[str, str | int]


def log_fields(record: Record) -> LogFields:
    """Return the fields of a log line about a job; nothing that the user entered."""
    fields: LogFields = {
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


def fields_of_reply(
    job_id: str, phase: bytes, seconds: int, tool: bytes, attempts: bytes, request: bytes | None
) -> LogFields:
    """Return the same fields from the reply of update.lua."""
    texts = {"request": (request or b"").decode(), "tool": tool.decode(), "state": phase.decode()}
    return {"job": job_id[:8], "attempts": int(attempts), "seconds": seconds, **texts}
