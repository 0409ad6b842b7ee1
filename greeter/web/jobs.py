"""The page of a job with its fragment, and its result files."""

import time
from functools import lru_cache
from typing import NoReturn

from flask import Blueprint, Flask, abort, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound
from werkzeug.routing import BaseConverter

from greeter.jobs.files.result_files import ResultFile
from greeter.jobs.record import Record
from greeter.jobs.records.samples import PREFIX
from greeter.web.errors import missing_file, not_found
from greeter.web.job_context import JobStatus, context_of, files_of, status_of, wait_headers
from greeter.web.poll_cache import PollCache
from greeter.web.provenance import crate
from greeter.web.results import downloads
from greeter.web.results.table_index import BrokenIndex
from greeter.web.results.table_view import selection
from greeter.web.services import services

_FRAGMENTS = 256  # kept in each process, about 2 KB each: one rendering serves all who watch a job
_RENEWAL = 15  # seconds; style.css shows a notice on a page that got no fragment for twice as long

bp = Blueprint("jobs", __name__)
bp.register_error_handler(FileNotFoundError, missing_file)


class JobId(BaseConverter):
    """Matches only possible ids of jobs, so that no other text reaches Redis or the disk."""

    regex = f"[0-9a-f]{{32}}|{PREFIX}[a-z0-9_]+"


def init_app(app: Flask) -> None:
    """Add the pages of jobs to the app."""
    app.extensions["poll_cache"] = PollCache(app.extensions["greeter"])
    app.extensions["fragments"] = lru_cache(_FRAGMENTS)(_fragment)
    app.url_map.converters["job_id"] = JobId
    app.register_blueprint(bp)


@bp.get("/jobs/<job_id:job_id>")
def job(job_id: str) -> ResponseReturnValue:
    """Show a job: its progress, its result when there is one, and its log open if the address ends in `?log`."""
    record = services().find(job_id)
    page = render_template("job.html", **context_of(record), tag=_tag(record), log_is_open="log" in request.args)
    return page, wait_headers(record)


@bp.get("/jobs/<job_id:job_id>/progress")
def progress(job_id: str) -> ResponseReturnValue:
    """Render the fragment that htmx polls, or answer 304 if the page already shows the current state."""
    poll_cache, fragments = current_app.extensions["poll_cache"], current_app.extensions["fragments"]
    record: Record = poll_cache.find(job_id)
    tag = _tag(record)
    if request.headers.get("HX-PTag") == tag:
        return "", 304
    if record.active:
        return fragments(record, request.root_path, tag), {"HX-PTag": tag}
    poll_cache.clear()
    return _fragment(record, request.root_path, tag), {"HX-PTag": tag}


@bp.get("/jobs/<job_id:job_id>.json")
def status(job_id: str) -> tuple[JobStatus, dict[str, str]]:
    """Return the state of a job for scripts."""
    record = services().find(job_id)
    return status_of(record), wait_headers(record)


@bp.get("/jobs/<job_id:job_id>/files/<name>")
def file(job_id: str, name: str) -> ResponseReturnValue:
    """Download a result file.

    With the query parameter `inline`, an image or a PDF is shown instead; with `picture`, the first page of a PDF. With
    those of a table on the page of a job, a table that `Job.table` has written has only the rows that match, sorted as
    on the page.
    """
    record = services().find(job_id)
    found = next((file for file in files_of(record) if file.name == name), None) or _is_missing(record)
    if "picture" in request.args:
        picture = found.picture or abort(404)
        return downloads.send(ResultFile(picture.path), record, inline=True)
    try:
        if rows := selection(found.path, request.args):
            return downloads.name(rows, f"selected-{name}", record)
    except BrokenIndex:
        return redirect(url_for(".job", job_id=job_id), 303)  # which says so
    return downloads.send(found, record, inline="inline" in request.args)


@bp.get("/jobs/<job_id:job_id>/job.zip")
def archive(job_id: str) -> ResponseReturnValue:
    """Download the files of an ended job, and how they were made, as an RO-Crate."""
    record = services().find(job_id)
    return _is_missing(record) if record.active else crate.send(record)


def _tag(record: Record) -> str:
    """Return the tag of a fragment. It changes with the job and with the time: only a new fragment hides the notice."""
    return f"{record.tag}-{int(time.time()) // _RENEWAL}"


def _is_missing(record: Record) -> NoReturn:
    """Answer with the 404 page, and with Retry-After while the job is active."""
    response = current_app.make_response(not_found(NotFound()))
    response.headers.update(wait_headers(record))
    abort(response)


def _fragment(record: Record, root_path: str, tag: str) -> str:
    """Render the fragment of a job. That of an active one depends only on these arguments."""
    return render_template("_live.html", **context_of(record), tag=tag)
