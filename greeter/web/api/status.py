"""The state of a job, as OGC API Processes names it."""

from __future__ import annotations

from typing import Any

from greeter.jobs.phase import Phase
from greeter.jobs.record import Record
from greeter.web.api.links import link

STATUSES = {
    Phase.WAITING: "accepted",
    Phase.RUNNING: "running",
    Phase.FINISHED: "successful",
    Phase.STOPPED: "successful",
    Phase.FAILED: "failed",
    Phase.CANCELLED: "dismissed",
}
"""The status in OGC API Processes for each phase; a partial result at the time limit counts as success."""


def status_info(record: Record) -> dict[str, Any]:
    """Describe the state of a job.

    Args:
        record: The record of the job.

    Returns:
        The members of statusInfo in OGC API Processes, and `phase`, `partial`, `label`, `ahead`, and for a failed job
        `output` and `reference`.
    """
    times = {"created": "submitted", "started": "started", "finished": "ended"}
    optional = {
        **{name: record.times[key].isoformat() for name, key in times.items() if key in record.times},
        "progress": 100 if record.phase == Phase.FINISHED else record.percent,
        "ahead": record.ahead,
        "output": record.output or None,
        "reference": record.reference if record.phase == Phase.FAILED else None,
    }
    return {
        "jobID": record.id,
        "processID": record.tool,
        "type": "process",
        "status": STATUSES[record.phase],
        "phase": record.phase,
        "message": message(record),
        "label": record.label,
        "partial": record.partial,
        "links": _links(record),
    } | {name: value for name, value in optional.items() if value is not None}


def message(record: Record) -> str:
    """Return the state of a job as a sentence, with what to do if it failed."""
    if record.phase != Phase.FAILED:
        known = record.summary if record.summary != record.heading else ""
        return f"{': '.join(filter(None, [record.heading, known]))}."
    contact = f"Something went wrong on our side. Write to the operators, with the reference {record.reference}."
    return record.user_message or contact


def _links(record: Record) -> list[dict[str, str]]:
    links = [
        link("self", "api.show_status", job_id=record.id),
        link("alternate", "jobs.job", "text/html", job_id=record.id),
    ]
    if record.active:
        return [*links, link("cancel", "api.cancel_job", job_id=record.id)]
    links.append(link("archives", "jobs.archive", "application/zip", job_id=record.id))
    if record.has_result:
        links.append(link("http://www.opengis.net/def/rel/ogc/1.0/results", "api.show_results", job_id=record.id))
    return links
