"""The front page, the help page, and the form of each tool."""

from secrets import token_urlsafe

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import Form

from greeter.jobs.submission import Filenames, Submission
from greeter.toolkit.tool import Params, Tool
from greeter.web.input.forms import (
    accept_files,
    current_request,
    filenames_of,
    make_form,
    submission_limit,
    submitted_data,
)
from greeter.web.input.submitting import Refusal, Refused, refusal_of
from greeter.web.input.submitting import submit as submit_checked
from greeter.web.input.uploads import of_example
from greeter.web.limits import client_address
from greeter.web.services import services
from greeter.web.template_filters import printable

_MAX_LABEL_LENGTH = 80

bp = Blueprint("pages", __name__)


@bp.get("/")
def index() -> str:
    """Show the tools and, except on a public site, the files that should have tools but cannot be used."""
    unusable = [] if services().settings.production else services().unusable
    return render_template("index.html", tools=services().tools.values(), unusable=unusable)


@bp.get("/help")
def help() -> str:  # noqa: A001  the name of its address
    """Show how to read the results, the limits, and what happens to the data."""
    return render_template("help.html", tools=services().tools.values())


@bp.get("/tools/<name>")
def tool(name: str) -> str:
    """Show the form of a tool, filled with the example if the address ends in `?example`."""
    tool = find_tool(name)
    return form_page(tool, make_form(tool, data=of_example(tool) if "example" in request.args else None))


@bp.post("/tools/<name>")
def submit(name: str) -> ResponseReturnValue:
    """Check the form of a tool, and submit a job.

    Returns:
        A redirect to the page of the job; or the form with the input and the reason why it was not accepted: 422 for
        invalid input, 413 if a file was too large to be stored, and the status of the `Refusal` otherwise.
    """
    tool = find_tool(name)
    accept_files(tool)
    try:
        return _submit(tool)
    except FileNotFoundError:  # an upload that the form refers to was removed after it was found
        return _submit(tool)  # which asks for the file


def _submit(tool: Tool) -> ResponseReturnValue:
    form = make_form(tool, submitted_data(tool))
    labels = request.form.getlist("label") or [""]
    label = printable(labels[0][:_MAX_LABEL_LENGTH]).strip()
    try:
        if not form.validate():
            return form_page(tool, form, label), 413 if current_request().uploads.has_dropped else 422
    except OSError as error:
        return _refuse(tool, form, label, refusal_of(error))
    if len(labels) > 1:
        return form_page(tool, form, label, f"Give one job name, not {len(labels)}, and submit again."), 422
    return submit_job(tool, form, form.data, label, filenames_of(form))


def submit_job(tool: Tool, form: Form, params: Params, label: str, filenames: Filenames) -> ResponseReturnValue:
    """Submit a job with valid parameters, in which files are Paths, and answer as `submit` does.

    The form is shown if the job is refused.
    """
    submission = Submission(label, client_address(), request.form.get("token", ""), filenames)
    try:
        job_id = submit_checked(tool, params, submission)
    except Refused as error:
        return _refuse(tool, form, label, error.refusal)
    return redirect(url_for("jobs.job", job_id=job_id), 303)


def _refuse(tool: Tool, form: Form, label: str, refusal: Refusal) -> ResponseReturnValue:
    """Show the form with the reason why a submission was not accepted."""
    return form_page(tool, form, label, problem=refusal.message), refusal.status, refusal.headers


def find_tool(name: str) -> Tool:
    """Return the tool with this name. Raises NotFound."""
    return services().tools.get(name) or abort(404)


def form_page(tool: Tool, form: Form, label: str = "", problem: str = "") -> str:
    """Render the page with the form of a tool, with input and errors if there are any.

    `problem` is why a submission was refused, and what to do.
    """
    token = request.form.get("token") or token_urlsafe(16)
    limit = submission_limit(tool)
    return render_template("tool.html", tool=tool, form=form, label=label, token=token, problem=problem, limit=limit)
