"""The pages: what the site offers, the form of each tool, and the page of each job."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, abort, redirect, render_template, request, send_from_directory, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import CombinedMultiDict
from werkzeug.routing import BaseConverter
from wtforms import Form

from greeter.core.queue import UNAVAILABLE
from greeter.core.record import Record
from greeter.core.tool import Tool
from greeter.web.errors import RETRY_AFTER
from greeter.web.site import site

bp = Blueprint("pages", __name__)


class JobId(BaseConverter):
    """Matches what can be the id of a job, so that nothing else gets as far as Redis or the disk."""

    regex = "[0-9a-f]{32}"


def init_app(app: Flask) -> None:
    """Add the pages to the app."""
    app.url_map.converters["job_id"] = JobId
    app.register_blueprint(bp)


@bp.get("/")
def index() -> str:
    """Show the tools."""
    return render_template("index.html", tools=site().tools.values())


@bp.get("/tools/<name>")
def tool(name: str) -> str:
    """Show a tool's form, filled with its example on request."""
    found = _find_tool(name)
    return _form_page(found, _form(found, data=found.example if "example" in request.args else None))


@bp.post("/tools/<name>")
def submit(name: str) -> ResponseReturnValue:
    """Accept a job and go to its page, or show the form again with all that was entered."""
    found = _find_tool(name)
    form = _form(found, CombinedMultiDict([request.files, request.form]))
    if not form.validate():
        return _form_page(found, form), 422
    try:
        job_id = site().queue.submit(found, form.data)
    except UNAVAILABLE:
        return _form_page(found, form, unavailable=True), 503, {"Retry-After": str(RETRY_AFTER)}
    return redirect(url_for("pages.job", job_id=job_id), 303)


@bp.get("/jobs/<job_id:job_id>")
def job(job_id: str) -> str:
    """Show a job: its progress, and its result when it has one."""
    return render_template("job.html", **job_context(site().queue.store.find(job_id)))


@bp.get("/jobs/<job_id:job_id>/files/<name>")
def file(job_id: str, name: str) -> ResponseReturnValue:
    """Download a result file of a job that has a result."""
    files = job_context(site().queue.store.find(job_id))["files"]
    path = next((path for path in files if path.name == name), None) or abort(404)
    return send_from_directory(path.parent, path.name, as_attachment=True, mimetype="text/plain")


def job_context(record: Record) -> dict[str, Any]:
    """What the templates of a job need."""
    known = site().tools.get(record.tool)
    files = site().queue.store.outputs(record.id) if record.phase in ("finished", "stopped") else []
    return {"job": record, "title": known.title if known else record.tool, "files": files}


def _find_tool(name: str) -> Tool:
    return site().tools.get(name) or abort(404)


def _form(found: Tool, formdata: Any = None, data: Any = None) -> Form:
    settings = site().settings
    limits = {"records": settings.max_records, "residues": settings.max_residues}
    return found.form(formdata, data=data, meta={"limits": limits})


def _form_page(found: Tool, form: Form, unavailable: bool = False) -> str:
    settings = site().settings
    return render_template("tool.html", tool=found, form=form, unavailable=unavailable, settings=settings)
