"""What the site offers: the front page, and the form of each tool."""

from __future__ import annotations

from collections.abc import Mapping
from secrets import token_urlsafe
from typing import Any

from flask import Blueprint, Flask, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import Form

from greeter.jobs.store import Submission
from greeter.toolkit.tool import Tool
from greeter.web.errors import REFUSALS
from greeter.web.forms import make_form, submitted
from greeter.web.limits import client, limits
from greeter.web.services import services
from greeter.web.template_filters import printable

_LONGEST_LABEL = 80

bp = Blueprint("pages", __name__)


def init_app(app: Flask) -> None:
    """Add the pages to the app."""
    app.register_blueprint(bp)


@bp.get("/")
def index() -> str:
    """Show the tools."""
    return render_template("index.html", tools=services().tools.values())


@bp.get("/help")
def help() -> str:  # noqa: A001  the name of its address
    """Show how to read the results, what the limits are, and what happens to the data."""
    return render_template("help.html", tools=services().tools.values())


@bp.get("/tools/<name>")
def tool(name: str) -> str:
    """Show a tool's form, filled with its example on request."""
    found = find_tool(name)
    return form_page(found, make_form(found, data=found.example if "example" in request.args else None))


@bp.post("/tools/<name>")
def submit(name: str) -> ResponseReturnValue:
    """Accept a job and go to its page, or show the form again with all that was entered."""
    found = find_tool(name)
    form = make_form(found, submitted(found))
    label = printable(request.form.get("label", "")[:_LONGEST_LABEL]).strip()
    if not form.validate():
        return form_page(found, form, label), 422
    return accept(found, form, form.data, label)


def accept(found: Tool, form: Form, params: Mapping[str, Any], label: str) -> ResponseReturnValue:
    """Accept a job and go to its page, or say in its form why not now, and when to try again."""
    submission = Submission(label, client(), request.form.get("token", ""))
    try:
        limits().count_submission()
        job_id = services().jobs.submit(found, params, submission)
    except tuple(REFUSALS) as error:
        status, seconds, sentence = next(said for kind, said in REFUSALS.items() if isinstance(error, kind))
        return form_page(found, form, label, problem=sentence), status, {"Retry-After": str(seconds)}
    return redirect(url_for("jobs.job", job_id=job_id), 303)


def find_tool(name: str) -> Tool:
    """The tool of that name, or a 404 page."""
    return services().tools.get(name) or abort(404)


def form_page(found: Tool, form: Form, label: str = "", problem: str = "") -> str:
    """The page of a tool's form; `problem` says why what was submitted was not accepted."""
    token = request.form.get("token") or token_urlsafe(16)
    return render_template("tool.html", tool=found, form=form, label=label, token=token, problem=problem)
