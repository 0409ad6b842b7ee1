"""The OpenAPI 3.1 document of the API, made from its operations and from the forms of the tools."""

from http import HTTPStatus

from flask import url_for

from greeter.toolkit.json_types import JSONObject
from greeter.toolkit.tool import Tool
from greeter.version import __version__
from greeter.web.api.form_schema import LABEL, inputs_schema
from greeter.web.api.inputs import FORMS
from greeter.web.api.operations import OPERATIONS, Answer, Operation
from greeter.web.api.problem import PROBLEM
from greeter.web.api.schemas import ADDRESS, COUNT, SCHEMAS, TEXT, Schema
from greeter.web.input.forms import file_fields
from greeter.web.jobs import JobId
from greeter.web.problems import MEDIA_TYPE
from greeter.web.services import services

_ALWAYS = (429, 503)  # the errors of every operation, whose responses have Retry-After
_WORDS = ("title", "description", "default")
_EXECUTION = "{processID}/execution"
_STATUS_OF_JOB: JSONObject = {"operationId": "show_status", "parameters": {"jobID": "$response.body#/jobID"}}

_HEADERS = {"Retry-After": COUNT, "Location": ADDRESS, "ETag": TEXT}
_REQUEST_HEADERS: dict[str, tuple[str, Schema]] = {
    "Idempotency-Key": ("A new random string for each job.", {"type": "string", "minLength": 1, "maxLength": 255}),
    "If-None-Match": ("The ETag of the last response.", TEXT),
}


def document() -> JSONObject:
    """Make the OpenAPI document of this site."""
    paths: dict[str, JSONObject] = {}
    for operation in OPERATIONS:
        for tool in services().tools.values() if _EXECUTION in operation.path else [None]:
            path = operation.path.replace("{processID}", tool.name) if tool else operation.path
            paths.setdefault(path, {})[operation.method.lower()] = _described(operation, tool)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": services().settings.site_name,
            "version": __version__,
            "summary": "Submit jobs, wait for them, and fetch their results, from a script.",
            "contact": {"email": services().settings.contact},
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "externalDocs": {"url": url_for("api.show_page", _external=True), "description": "How to use the API"},
        "servers": [{"url": url_for("pages.index", _external=True).rstrip("/")}],
        "paths": paths,
        "components": {"schemas": SCHEMAS},
    }


def _described(operation: Operation, tool: Tool | None) -> JSONObject:
    """Describe an operation, for any tool or for one, whose name is then in its path."""
    path_parameters = [] if tool else _path_parameters(operation)
    problems = {status: _problem(status) for status in sorted({*operation.errors, *_ALWAYS})}
    described: JSONObject = {
        "operationId": f"execute_{tool.name}" if tool else operation.view.__name__,
        "summary": f"Execute {tool.title}: {tool.summary}" if tool else operation.summary,
        "description": " ".join(operation.description.split("\n")),
        "parameters": [*path_parameters, *map(_header_parameter, operation.headers)],
        "requestBody": {"required": True, "content": _bodies(tool)} if tool else None,
        "responses": {
            str(status): _response(status, answer) for status, answer in {**operation.answers, **problems}.items()
        },
    }
    return {name: value for name, value in described.items() if value}


def _bodies(tool: Tool) -> JSONObject:
    inputs = inputs_schema(tool)
    whole = {"inputs": inputs, "label": LABEL}
    body: JSONObject = {"type": "object", "properties": whole, "required": ["inputs"], "additionalProperties": False}
    fields = {name: _as_text(schema) for name, schema in inputs["properties"].items()}
    flat = inputs | {"properties": fields | {"label": LABEL}}
    files = {name: {"contentType": "text/plain, application/octet-stream"} for name in file_fields(tool)}
    example = {"externalValue": url_for("api.show_example", name=tool.name, _external=True), "summary": "The example"}
    return {
        "application/json": {"schema": body, "examples": {"example": example}},
        FORMS[0]: {"schema": flat} | ({"encoding": files} if files else {}),
        FORMS[1]: {"schema": flat},
    }


def _as_text(schema: Schema) -> Schema:
    """Return the schema of a value in a form, where null is an empty text, and a list may be its only value."""
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    value = {name: found for name, found in schema.items() if name not in _WORDS} | {"type": kinds[0]}
    if kinds == ["array"]:
        other = schema["items"]
    elif "null" in kinds:
        other = {"const": ""}
    else:
        return schema
    return {name: found for name, found in schema.items() if name in _WORDS} | {"anyOf": [value, other]}


def _path_parameters(operation: Operation) -> list[JSONObject]:
    known: dict[str, tuple[str, Schema]] = {
        "processID": ("The name of a tool.", {"type": "string", "enum": list(services().tools)}),
        "jobID": ("The id of a job.", {"type": "string", "pattern": f"^({JobId.regex})$"}),
        "fileName": ("The name of a result file.", {"type": "string", "minLength": 1}),
    }
    return [
        {"name": name, "in": "path", "required": True, "description": description, "schema": schema}
        for name, (description, schema) in known.items()
        if f"{{{name}}}" in operation.path
    ]


def _header_parameter(name: str) -> JSONObject:
    description, schema = _REQUEST_HEADERS[name]
    return {"name": name, "in": "header", "description": description, "schema": schema}


def _response(status: int, answer: Answer) -> JSONObject:
    names = (*answer.headers, *answer.more_headers)
    media_type = answer.media_type or ("application/json" if answer.schema else "")
    content = {"schema": answer.schema} if answer.schema else {}
    described: JSONObject = {
        "description": answer.description,
        "headers": {name: {"required": name in answer.headers, "schema": _HEADERS[name]} for name in names},
        "content": {media_type: content} if media_type else {},
        "links": {"status": _STATUS_OF_JOB} if status == HTTPStatus.CREATED else {},
    }
    return {name: value for name, value in described.items() if value}


def _problem(status: int) -> Answer:
    headers = ("Retry-After",) if status in _ALWAYS else ()
    return Answer(f"{HTTPStatus(status).phrase.capitalize()}.", PROBLEM, headers, media_type=MEDIA_TYPE)
