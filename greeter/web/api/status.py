"""The state of a job, as OGC API Processes names it."""

from greeter.jobs.phase import Phase
from greeter.jobs.record import Record
from greeter.toolkit.json_types import JSONObject
from greeter.web.api.operations import LINK, link
from greeter.web.api.schemas import COUNT, TEXT, TIME, YES, about, component, list_of, text

STATUSES = {
    Phase.WAITING: "accepted",
    Phase.RUNNING: "running",
    Phase.FINISHED: "successful",
    Phase.STOPPED: "successful",
    Phase.FAILED: "failed",
    Phase.CANCELLED: "dismissed",
}
"""The status in OGC API Processes for each phase; a partial result at the time limit counts as success."""

STATUS_INFO = component(
    "StatusInfo",
    {
        "jobID": TEXT,
        "processID": TEXT,
        "type": {"const": "process"},
        "status": text(
            "accepted and running are not final; the others are.", enum=list(dict.fromkeys(STATUSES.values()))
        ),
        "phase": text("The state as the page of the job names it.", enum=list(Phase)),
        "message": text("The state as a sentence; for a failed job, why it failed and what to do."),
        "label": text("The name of the job; may be empty."),
        "partial": about("Whether the result is partial.", YES),
        "links": list_of(LINK),
    },
    {
        "created": TIME,
        "started": TIME,
        "finished": TIME,
        "progress": about("How much is done, in percent, if it is known.", COUNT, maximum=100),
        "ahead": about("How many jobs are ahead in the queue, while the job waits.", COUNT),
        "output": text("The end of the error output of the program that made the job fail."),
        "reference": text("Of a failed job. Quote it to the operators."),
    },
)


def status_info(record: Record) -> JSONObject:
    """Return the state of a job, as STATUS_INFO describes it: as in OGC API Processes, with members of our own."""
    times = {"created": "submitted", "started": "started", "finished": "ended"}
    optional: JSONObject = {
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
        **{name: value for name, value in optional.items() if value is not None},
    }


def message(record: Record) -> str:
    """Return the state of a job as a sentence, with what to do if it failed."""
    if record.phase != Phase.FAILED:
        known = record.summary if record.summary != record.heading else ""
        return f"{': '.join(filter(None, [record.heading, known]))}.{_delay(record)}"
    contact = f"Something went wrong on our side. Write to the operators, with the reference {record.reference}."
    return record.user_message or contact


def _delay(record: Record) -> str:
    """Return why a job that has not ended may take longer, as the page of the job says; empty if nothing is known."""
    if not record.workers and (record.phase == Phase.WAITING or record.silence):
        return " No worker for this job is running at the moment. It will start as soon as a worker is available."
    if record.silence:
        return f" It has not responded for {record.silence} seconds. If it does not respond soon, it restarts."
    return ""


def _links(record: Record) -> list[dict[str, str]]:
    links = [
        link("self", "api.show_status", job_id=record.id),
        link("alternate", "jobs.job", "text/html", job_id=record.id),
    ]
    if record.active:
        return [*links, link("cancel", "api.cancel_job", job_id=record.id)]
    links.append(link("archives", "api.download_archive", "application/zip", job_id=record.id))
    if record.has_result:
        links.append(link("http://www.opengis.net/def/rel/ogc/1.0/results", "api.show_results", job_id=record.id))
    return links
