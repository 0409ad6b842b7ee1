"""The jobs: their state, results and files, and how to cancel and delete them."""

import re

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from greeter.jobs.errors import JobNotFound
from greeter.jobs.phase import Phase
from greeter.jobs.record import Record
from greeter.toolkit.json_types import JSONObject
from greeter.web.api.operations import Answer, operation
from greeter.web.api.problem import OGC, Problem, not_yet
from greeter.web.api.results import RESULTS, results_of
from greeter.web.api.status import STATUS_INFO, message, status_info
from greeter.web.job_context import files_of, wait_headers
from greeter.web.jobs import JobId
from greeter.web.provenance import crate
from greeter.web.results import downloads
from greeter.web.services import services


@operation(
    "GET",
    "/api/v1/jobs/{jobID}",
    {
        200: Answer(
            "The state of the job. Until it has ended, Retry-After says when to ask again.",
            STATUS_INFO,
            headers=("ETag",),
            more_headers=("Retry-After",),
        ),
        304: Answer("Nothing has changed.", headers=("ETag",), more_headers=("Retry-After",)),
    },
    errors=(404, 412),
    headers=("If-None-Match",),
)
def show_status(job_id: str) -> ResponseReturnValue:
    """Show the state of a job.

    The statuses accepted and running mean that the job has not ended: ask again after the seconds in Retry-After. The
    statuses successful, failed and dismissed are final. A job that was cancelled is dismissed. One that reached its
    time limit is successful, but partial. Send the ETag of the last response as If-None-Match to get a response
    without a body while nothing has changed.
    """
    record = _find(job_id)
    response = jsonify(status_info(record))
    response.set_etag(record.tag, weak=True)
    response.headers.update(wait_headers(record))
    return response.make_conditional(request)


@operation(
    "GET",
    "/api/v1/jobs/{jobID}/results",
    {200: Answer("The result and its files.", RESULTS), 404: not_yet("No such job, or no result")},
)
def show_results(job_id: str) -> JSONObject:
    """Show the results of a job: what the tool returned, its files, and the databases that it used.

    While there are none, the status is 404 and the type of the problem ends in result-not-ready; Retry-After says when
    to ask again. If the job has ended without a result, there is no Retry-After, and the problem says why.
    """
    record = _find_ended(job_id, "There is no result")
    if not record.has_result:
        cancelled = "The job was cancelled. Submit it again if you need a result."
        detail = cancelled if record.phase == Phase.CANCELLED else message(record)
        raise Problem(404, "There is no result", detail, type="about:blank")
    return results_of(record)


@operation(
    "GET",
    "/api/v1/jobs/{jobID}/files/{fileName}",
    {
        200: Answer("The file.", media_type="*/*"),
        206: Answer("A part of the file.", media_type="*/*"),
        404: not_yet("No such job, or no such file"),
    },
    errors=(412, 416),
)
def download_file(job_id: str, name: str) -> ResponseReturnValue:
    """Download a result file. With the header Range, only a part of it."""
    record = _find(job_id)
    for file in files_of(record):
        if file.name == name:
            return downloads.send(file, record, inline=False)
    detail = f"This job has no result file {name[:80]!r}. Its results list the files."
    raise Problem(404, "There is no such file", detail, wait_headers(record))


@operation(
    "GET",
    "/api/v1/jobs/{jobID}/job.zip",
    {200: Answer("The archive.", media_type="application/zip"), 404: not_yet("No such job, or no archive")},
)
def download_archive(job_id: str) -> ResponseReturnValue:
    """Download the files of an ended job, and how they were made, as a ZIP archive: an RO-Crate.

    The link archives of an ended job has this address, even if the job has no result.
    """
    return crate.send(_find_ended(job_id, "There is no archive"))


@operation(
    "POST",
    "/api/v1/jobs/{jobID}/cancel",
    {
        200: Answer("The job has ended.", STATUS_INFO),
        202: Answer("The job still runs, and ends in a few seconds.", STATUS_INFO, ("Retry-After",)),
    },
    errors=(403, 404),
)
def cancel_job(job_id: str) -> ResponseReturnValue:
    """Cancel a job. One that has ended stays as it is.

    If there is a partial result, it is kept.
    """
    if _find(job_id).active:
        services().jobs.cancel(job_id)
    record = _find(job_id)
    return status_info(record), 202 if record.active else 200, wait_headers(record)


@operation(
    "DELETE",
    "/api/v1/jobs/{jobID}",
    {204: Answer("The job is deleted."), 409: not_yet("The job has not ended, or is a sample")},
    errors=(403, 404),
)
def delete_job(job_id: str) -> ResponseReturnValue:
    """Delete a job that has ended, with all its files. Cancel it first if it has not ended."""
    record = _find(job_id)
    if not record.kept_until:
        raise Problem(409, "The job cannot be deleted", "This is the sample of a tool. Delete a job of your own.")
    if record.active or not services().jobs.delete(job_id):
        detail = "The job has not ended. Cancel it, wait until it has ended, then delete it."
        raise Problem(409, "The job cannot be deleted", detail, wait_headers(record))
    return "", 204


def _find(job_id: str) -> Record:
    try:
        if not re.fullmatch(JobId.regex, job_id):  # no other text may reach Redis or the disk
            raise JobNotFound
        return services().find(job_id)
    except JobNotFound:
        detail = "It may have been deleted, or its address may be incomplete. Check the address, or start a new job."
        raise Problem(404, "There is no such job", detail, type=f"{OGC}no-such-job") from None


def _find_ended(job_id: str, title: str) -> Record:
    """Find a job that has ended. For one that has not, the title of the Problem says what there is not yet."""
    record = _find(job_id)
    if record.active:
        detail = "The job has not ended. Ask again after the seconds in Retry-After."
        raise Problem(404, title, detail, wait_headers(record), type=f"{OGC}result-not-ready")
    return record
