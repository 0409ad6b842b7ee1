"""The page of a job with its fragment, its result files, and the actions on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from secrets import token_urlsafe
from typing import Any, NotRequired, TypedDict

from flask import (
    Blueprint,
    Flask,
    abort,
    current_app,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from werkzeug.routing import BaseConverter

from greeter.jobs.phase import Phase
from greeter.jobs.progress import ReportedProgress
from greeter.jobs.reader import Provenance
from greeter.jobs.record import Record
from greeter.jobs.result_files import ResultFile, result_files
from greeter.jobs.samples import PREFIX
from greeter.toolkit.tool import signature
from greeter.web import downloads
from greeter.web.errors import not_found
from greeter.web.forms import make_form
from greeter.web.pages import find_tool, form_page, submit_job
from greeter.web.paging import Page
from greeter.web.previews import Previews
from greeter.web.services import services
from greeter.web.uploads import of_job

_FRAGMENTS = 256  # kept in each process, about 2 KB each: one rendering serves all who watch a job

bp = Blueprint("jobs", __name__)
bp.register_error_handler(FileNotFoundError, not_found)  # the job was removed after its record was read


class JobId(BaseConverter):
    """Matches only possible ids of jobs, so that no other text reaches Redis or the disk."""

    regex = f"[0-9a-f]{{32}}|{PREFIX}[a-z0-9_]+"


class JobStatus(TypedDict):
    """The state of a job for scripts. Times are in seconds.

    Attributes:
        phase: The phase of the job.
        active: Whether the job has not ended.
        ahead: The number of jobs ahead of it in the queue; None unless it is waiting.
        progress: How far it is; empty if unknown.
        elapsed: The time since the start, or since the submission if it is waiting.
        result: What the tool returned; None if there is no result.
        problem: Why it failed and what to do; None if it did not fail, or failed because of a bug.
        output: The end of the error output of the program that made it fail; may be empty.
        log: The last lines of its log; may be empty.
        files: The URLs of the result files.
        downloads: More about the same files.
    """

    phase: Phase
    active: bool
    ahead: int | None
    progress: ReportedProgress | Mapping[str, Any]
    elapsed: int
    result: Any
    problem: str | None
    output: str
    log: str
    files: list[str]
    downloads: list[downloads.Download]


class JobContext(TypedDict):
    """The variables of the templates that show a job, including `tools/<tool>/_result.html`.

    Attributes:
        record: The record of the job.
        title: The title of the tool, or its name if it no longer exists.
        labels: The labels of the form's fields, by the name of the parameter. This and the rest only after the end.
        files: The result files.
        rows: Reads the rows of a result file for the current page; see `Previews`.
        table: Shows the table in a result file, a page at a time.
        preview: Shows the first lines of a result file.
        image: Shows a result file that is an image.
        provenance: How the result was made.
        commands: The commands that the job has run, one in each line, as text for the user; may be empty.
        token: A token for the form that runs the job again.
        can_run_again: Whether its input can be submitted unchanged.
    """

    record: Record
    title: str
    labels: NotRequired[dict[str, str]]
    files: NotRequired[list[ResultFile]]
    rows: NotRequired[Callable[[str], Page]]
    table: NotRequired[Callable[[str], Markup]]
    preview: NotRequired[Callable[..., Markup]]
    image: NotRequired[Callable[..., Markup]]
    provenance: NotRequired[Provenance]
    commands: NotRequired[str]
    token: NotRequired[str]
    can_run_again: NotRequired[bool]


def init_app(app: Flask) -> None:
    """Add the pages of jobs to the app."""
    app.extensions["fragments"] = lru_cache(_FRAGMENTS)(_fragment)
    app.url_map.converters["job_id"] = JobId
    app.register_blueprint(bp)


@bp.get("/jobs/<job_id:job_id>")
def job(job_id: str) -> str:
    """Show a job: its progress, and its result when there is one."""
    return render_template("job.html", **_context(_find(job_id)))


@bp.get("/jobs/<job_id:job_id>/progress")
def progress(job_id: str) -> ResponseReturnValue:
    """Render the fragment that htmx polls, or answer 304 if the page already shows the current state."""
    record = _find(job_id)
    if request.headers.get("HX-PTag") == record.tag:
        return "", 304
    fragment = current_app.extensions["fragments"](record, request.root_path)
    return fragment or render_template("_live.html", **_context(record)), {"HX-PTag": record.tag}


@bp.get("/jobs/<job_id:job_id>.json")
def status(job_id: str) -> JobStatus:
    """Return the state of a job for scripts."""
    record = _find(job_id)
    listed = [downloads.describe(file, record) for file in _files(record)]
    return {
        "phase": record.phase,
        "active": record.active,
        "ahead": record.ahead,
        "progress": record.progress or {},
        "elapsed": record.elapsed,
        "result": record.result if record.has_result else None,
        "problem": None if record.active else record.user_message,
        "output": record.output,
        "log": record.log,
        "files": [file["url"] for file in listed],
        "downloads": listed,
    }


@bp.get("/jobs/<job_id:job_id>/files/<name>")
def file(job_id: str, name: str) -> ResponseReturnValue:
    """Download a result file or, with the query parameter `inline`, show it if it is an image or a PDF."""
    record = _find(job_id)
    found = next((file for file in _files(record) if file.name == name), None) or abort(404)
    return downloads.send(found, record, inline="inline" in request.args)


@bp.get("/jobs/<job_id:job_id>/files.zip")
def archive(job_id: str) -> ResponseReturnValue:
    """Download all result files as a ZIP archive."""
    record = _find(job_id)
    return downloads.send_zip(_files(record) or abort(404), record)


@bp.post("/jobs/<job_id:job_id>/cancel")
def cancel(job_id: str) -> ResponseReturnValue:
    """Cancel a job, unless it has ended."""
    if _find(job_id).active:
        services().jobs.cancel(job_id)
    return redirect(url_for(".job", job_id=job_id), 303)


@bp.post("/jobs/<job_id:job_id>/delete")
def delete(job_id: str) -> ResponseReturnValue:
    """Delete an ended job with all its files; neither an active job nor a sample."""
    if not _find(job_id).kept_until or not services().jobs.delete(job_id):
        return redirect(url_for(".job", job_id=job_id), 303)
    return render_template("deleted.html")


@bp.get("/jobs/<job_id:job_id>/edit")
def edit(job_id: str) -> str:
    """Show the form of a job's tool, filled with the input of the job."""
    record = _find(job_id)
    tool = find_tool(record.tool)
    return form_page(tool, make_form(tool, data=_form_data(job_id)), record.label)


@bp.post("/jobs/<job_id:job_id>/again")
def again(job_id: str) -> ResponseReturnValue:
    """Submit the input of a job as a new job."""
    record = _find(job_id)
    tool = find_tool(record.tool)
    params = services().reader_for(job_id).params(job_id)
    if not _can_run_again(record, services().reader_for(job_id).provenance(job_id)):
        return redirect(url_for(".edit", job_id=job_id), 303)
    filenames = services().reader_for(job_id).provenance(job_id).filenames
    return submit_job(tool, make_form(tool, data=_form_data(job_id)), params, record.label, filenames)


def _form_data(job_id: str) -> dict[str, Any]:
    """Return the input of a job for the form."""
    reader = services().reader_for(job_id)
    return of_job(reader.params(job_id), job_id, reader.provenance(job_id).filenames)


def _find(job_id: str) -> Record:
    services().jobs.fitness.refresh()  # so that what needs files is refused instead of waiting for the disk
    return services().reader_for(job_id).find(job_id)


def _fragment(record: Record, root_path: str) -> str:
    """Render the fragment of an active job, which depends only on these arguments. Of an ended one, nothing."""
    return render_template("_live.html", **_context(record)) if record.active else ""


def _context(record: Record) -> JobContext:
    tool = services().tools.get(record.tool)
    context: JobContext = {"record": record, "title": tool.title if tool else record.tool}
    if record.active:
        return context
    provenance = services().reader_for(record.id).provenance(record.id)
    files = _files(record)
    previews = Previews(record.id, files)
    return {
        **context,
        "labels": {field.name: field.label.text for field in tool.form()} if tool else {},
        "files": files,
        "rows": previews.rows,
        "table": previews.table,
        "preview": previews.preview,
        "image": previews.image,
        "provenance": provenance,
        "commands": services().reader_for(record.id).files.commands(record.id, record.attempt),
        "token": token_urlsafe(16),
        "can_run_again": _can_run_again(record, provenance),
    }


def _can_run_again(record: Record, provenance: Provenance) -> bool:
    """Return whether the tool has the same parameters and the files are still there."""
    tool = services().tools.get(record.tool)
    submitted = signature(record.tool, [*provenance.params, *provenance.checksums])
    files = services().reader_for(record.id).files
    return bool(tool and tool.signature == submitted and files.has_inputs(record.id, provenance.checksums))


def _files(record: Record) -> list[ResultFile]:
    files = services().reader_for(record.id).files
    return result_files(files, record.id, record.attempt) if record.has_result else []
