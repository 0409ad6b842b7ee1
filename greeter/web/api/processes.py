"""The tools, which OGC API Processes calls processes, and their execution."""

from flask import url_for
from flask.typing import ResponseReturnValue
from wtforms import Field

from greeter.jobs.submission import Submission
from greeter.toolkit import FileField
from greeter.toolkit.json_types import JSON, JSONObject
from greeter.toolkit.tool import Tool
from greeter.web.api.form_schema import json_value
from greeter.web.api.idempotency import hash_of, read_key
from greeter.web.api.inputs import Inputs, read_inputs
from greeter.web.api.operations import Answer, link, operation
from greeter.web.api.problem import OGC, Problem, form_problem
from greeter.web.api.process_info import PROCESS, PROCESS_LIST, process_of, summary_of
from greeter.web.api.schemas import component
from greeter.web.api.status import STATUS_INFO, status_info
from greeter.web.input.forms import accept_files, filenames_of, make_form
from greeter.web.input.submitting import Refused, refusal_of, submit, submitted_before
from greeter.web.input.uploads import of_example
from greeter.web.job_context import wait_headers
from greeter.web.limits import client_address
from greeter.web.services import services

EXECUTE = component("Execute", {"inputs": {"type": "object"}})


@operation("GET", "/api/v1/processes", {200: Answer("The tools.", PROCESS_LIST)})
def list_processes() -> JSONObject:
    """List the tools."""
    return {
        "processes": [summary_of(tool) for tool in services().tools.values()],
        "links": [link("self", "api.list_processes")],
    }


@operation("GET", "/api/v1/processes/{processID}", {200: Answer("The tool.", PROCESS)}, errors=(404,))
def describe_process(name: str) -> JSONObject:
    """Describe a tool: its inputs with their limits, and its outputs."""
    return process_of(find_process(name))


@operation("GET", "/api/v1/processes/{processID}/example", {200: Answer("The example.", EXECUTE)}, errors=(404,))
def show_example(name: str) -> JSONObject:
    """Show the example of a tool, as the body of a request that executes it.

    Save it, replace the inputs with your own, and send it. Files are strings; those that are not text are left out.
    """
    tool = find_process(name)
    form = make_form(tool, data=of_example(tool))
    inputs = {key: _example_of(form[key]) for key in tool.example if key in form}
    return {"inputs": {key: value for key, value in inputs.items() if value is not None}}


def _example_of(field: Field) -> JSON:
    if not isinstance(field, FileField):
        return json_value(field)
    try:
        texts = []
        for upload in field.uploads:
            with upload.unpacked() as file:
                texts.append(file.read().decode())
    except UnicodeDecodeError:
        return None
    return texts if field.multiple else next(iter(texts), None)


@operation(
    "POST",
    "/api/v1/processes/{processID}/execution",
    {201: Answer("The job was accepted.", STATUS_INFO, ("Location",), more_headers=("Retry-After",))},
    errors=(400, 403, 404, 413, 415, 422),
    headers=("Idempotency-Key",),
)
def execute(name: str) -> ResponseReturnValue:
    """Execute a tool: submit a job.

    The job has been accepted when the response arrives. Its address, in the header Location, is the only key to it.
    Send the header Idempotency-Key, a new random string for each job, such as a UUID. After an error of the network,
    send the same request with the same key again: if it had arrived, you get the same job, with status 201, even if the
    first request has not been answered yet, and whatever has changed here since then: a newer database does not make
    another job. This counts as a submission of this minute, and against no other limit.
    The same key makes a new job with other inputs or another label, from another network address, and after the job was
    deleted, which happens daysKept days after its end; see /api/v1/limits.

    The body is JSON, or a form as a browser sends it. In JSON, a file is a string; in multipart/form-data it may also
    be a file. What is missing has its default.
    """
    tool = find_process(name)
    key = read_key()
    accept_files(tool)
    inputs = read_inputs(tool)
    try:
        hashed = hash_of(key, client_address(), tool, inputs.label, inputs.sent) if key else ""
        # First, because the job stays that of this request whatever has changed on the site.
        job_id = (hashed and submitted_before(hashed)) or _submit(tool, inputs, hashed)
    except OSError as error:
        raise Refused(refusal_of(error)) from error
    record = services().jobs.store.find(job_id)
    headers = {"Location": url_for("api.show_status", job_id=job_id, _external=True)}
    return status_info(record), 201, headers | wait_headers(record)


def _submit(tool: Tool, inputs: Inputs, hashed: str) -> str:
    """Check the inputs and submit a job. Raises OSError if their files cannot be stored, and what `submit` raises."""
    form = make_form(tool, inputs.values)
    if not form.validate():
        raise form_problem(form)
    submission = Submission(inputs.label, client_address(), request_hash=hashed, filenames=filenames_of(form))
    return submit(tool, form.data, submission)


def find_process(name: str) -> Tool:
    """Return a tool, or raise Problem if there is none with this name."""
    if tool := services().tools.get(name):
        return tool
    detail = f"There is no tool {name[:80]!r}. Choose one of {', '.join(services().tools)}."
    raise Problem(404, "There is no such tool", detail, type=f"{OGC}no-such-process")
