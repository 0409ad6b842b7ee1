"""The page of each job, its result files, and what can be done with it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

from flask import Blueprint, Flask, abort, redirect, render_template, request, send_from_directory, url_for
from flask.typing import ResponseReturnValue
from werkzeug.routing import BaseConverter

from greeter.jobs.record import Record
from greeter.jobs.samples import PREFIX
from greeter.web.errors import missing
from greeter.web.forms import make_form
from greeter.web.pages import accept, find_tool, form_page
from greeter.web.paging import Rows, read_rows
from greeter.web.services import services

bp = Blueprint("jobs", __name__)
bp.register_error_handler(FileNotFoundError, missing)  # the job was removed after its record was read


class JobId(BaseConverter):
    """Matches what can be the id of a job, so that nothing else gets as far as Redis or the disk."""

    regex = f"[0-9a-f]{{32}}|{PREFIX}[a-z0-9_]+"


def init_app(app: Flask) -> None:
    """Add the pages of jobs to the app."""
    app.url_map.converters["job_id"] = JobId
    app.register_blueprint(bp)


@bp.get("/jobs/<job_id:job_id>")
def job(job_id: str) -> str:
    """Show a job: its progress, and its result when it has one."""
    return render_template("job.html", **job_context(services().reader_for(job_id).find(job_id)))


@bp.get("/jobs/<job_id:job_id>/progress")
def progress(job_id: str) -> ResponseReturnValue:
    """Render the fragment of a job's page that htmx polls, or answer 304 if the page shows it already."""
    record = services().reader_for(job_id).find(job_id)
    if request.headers.get("HX-PTag") == record.tag:
        return "", 304
    return render_template("_live.html", **job_context(record)), {"HX-PTag": record.tag}


@bp.get("/jobs/<job_id:job_id>.json")
def status(job_id: str) -> dict[str, Any]:
    """Tell a script how far a job is, and where its result files are."""
    record = services().reader_for(job_id).find(job_id)
    return {
        "phase": record.phase,
        "active": record.active,
        "ahead": record.ahead,
        "progress": record.progress or {},
        "elapsed": record.elapsed,
        "result": record.result if record.has_result else None,
        "problem": None if record.active else record.user_message,
        "files": [url_for(".file", job_id=job_id, name=path.name, _external=True) for path in _files(record)],
    }


@bp.get("/jobs/<job_id:job_id>/files/<name>")
def file(job_id: str, name: str) -> ResponseReturnValue:
    """Download a result file of a job that has a result."""
    path = _file(services().reader_for(job_id).find(job_id), name) or abort(404)
    return send_from_directory(path.parent, path.name, as_attachment=True, mimetype="text/plain")


@bp.post("/jobs/<job_id:job_id>/cancel")
def cancel(job_id: str) -> ResponseReturnValue:
    """End a job that has not ended."""
    if services().reader_for(job_id).find(job_id).active:
        services().jobs.cancel(job_id)
    return redirect(url_for(".job", job_id=job_id), 303)


@bp.post("/jobs/<job_id:job_id>/delete")
def delete(job_id: str) -> ResponseReturnValue:
    """Remove a job that has ended, with all its files."""
    record = services().reader_for(job_id).find(job_id)
    if not record.kept_until or not services().jobs.delete(job_id):
        return redirect(url_for(".job", job_id=job_id), 303)
    return render_template("deleted.html")


@bp.get("/jobs/<job_id:job_id>/edit")
def edit(job_id: str) -> str:
    """Show the form of a job's tool with the same input."""
    record = services().reader_for(job_id).find(job_id)
    found = find_tool(record.tool)
    return form_page(found, make_form(found, data=services().reader_for(job_id).params(job_id)), record.label)


@bp.post("/jobs/<job_id:job_id>/again")
def again(job_id: str) -> ResponseReturnValue:
    """Submit the same input once more."""
    record = services().reader_for(job_id).find(job_id)
    found = find_tool(record.tool)
    given = services().reader_for(job_id).params(job_id)
    params = {name: value.read_bytes() if isinstance(value, Path) else value for name, value in given.items()}
    return accept(found, make_form(found, data=given), params, record.label)


def job_context(record: Record) -> dict[str, Any]:
    """What the templates of a job need."""
    reader, known = services().reader_for(record.id), services().tools.get(record.tool)
    return {
        "record": record,
        "title": known.title if known else record.tool,
        "labels": {field.name: field.label.text for field in known.form()} if known else {},
        "files": _files(record),
        "rows": partial(_rows, record),
        "provenance": None if record.active else reader.provenance(record.id),
        "token": token_urlsafe(16),
    }


def _files(record: Record) -> list[Path]:
    return services().reader_for(record.id).files.outputs(record.id) if record.has_result else []


def _file(record: Record, name: str) -> Path | None:
    return next((path for path in _files(record) if path.name == name), None)


def _rows(record: Record, name: str) -> Rows:
    """The rows of a result file, from the place on that the address gives as `start`."""
    path = _file(record, name)
    try:
        return read_rows(path, request.args.get("start", 0, type=int)) if path else Rows([], None)
    except LookupError:
        abort(404)
