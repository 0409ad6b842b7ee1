"""Read the inputs of an execution, from JSON or from a form, as the values of the tool's form."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import NamedTuple

from flask import request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest

from greeter.toolkit.tool import Tool
from greeter.toolkit.upload import Upload
from greeter.web.api.form_schema import LABEL, has_fields, inputs_schema
from greeter.web.api.json_values import parse, texts_of
from greeter.web.api.problem import Problem, invalid
from greeter.web.api.schemas import Schema
from greeter.web.input.field_checks import several_problem
from greeter.web.input.forms import (
    FormData,
    Submitted,
    current_request,
    file_fields,
    make_form,
    shown_values,
    submitted_data,
)
from greeter.web.template_filters import printable

FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
_NO_FILE = "This field takes no file. Send its value as text."


Converters = Mapping[str, Callable[[Schema], Submitted]]
"""What converts each value that was given, by the schema of its field, to what a form submits, or raises ValueError."""


class Inputs(NamedTuple):
    """What an execution takes: the values for the tool's form, the name of the job, and which values were sent."""

    values: FormData
    label: str
    sent: Mapping[str, Submitted]


def read_inputs(tool: Tool) -> Inputs:
    """Read the inputs for a tool from the current request. A field that is missing has the value that its form shows.

    Raises:
        Problem: The body is not JSON or a form, or has unknown fields or values of the wrong type.
    """
    if request.mimetype == "application/json":
        label, given = _read_json()
    elif request.mimetype in FORMS:
        label, given = _read_form(tool)
    else:
        raise Problem(415, "This kind of body is not supported", f"Send application/json, or {' or '.join(FORMS)}.")
    schema, values = inputs_schema(tool), dict[str, Submitted]()
    problems = dict.fromkeys(request.args, "Send this in the body, not in the address.")
    for name, convert in given.items():
        try:
            values[name] = convert(_known(schema, name))
        except ValueError as error:
            problems[name] = str(error)
    if len(label) > LABEL["maxLength"]:
        problems["label"] = f"Shorten this to {LABEL['maxLength']} characters."
    if problems:
        raise invalid(problems)
    return Inputs(MultiDict(_with_defaults(tool, values)), printable(label).strip(), values)


def _read_json() -> tuple[str, Converters]:
    body = parse(request.get_data())
    if not isinstance(body, dict) or not isinstance(body.get("inputs"), dict) or body.keys() - {"inputs", "label"}:
        example = 'Send a JSON object with "inputs", an object, and optionally "label", a string.'
        raise Problem(400, "This is not a request to execute a tool", example)
    if not isinstance(body.get("label", ""), str):
        raise invalid({"label": "Give a string."})
    return body.get("label", ""), {name: partial(texts_of, value=value) for name, value in body["inputs"].items()}


def _read_form(tool: Tool) -> tuple[str, Converters]:
    _require_utf_8()
    data, files = submitted_data(tool), file_fields(tool)
    # As in a browser, a field without a chosen file is a part without a name and content.
    names = {name for name in (*request.form, *request.files) if name not in files or data.getlist(name)} - {"label"}
    labels = request.form.getlist("label") or [""]
    if "label" in request.files:
        raise invalid({"label": _NO_FILE})
    if len(labels) > 1:
        raise invalid({"label": several_problem(len(labels))})
    return labels[0], {name: partial(_from_texts, values=data.getlist(name)) for name in names}


def _require_utf_8() -> None:
    """Raise Problem if the current request has a form whose texts are not UTF-8."""
    try:
        request.form  # noqa: B018  reads it
    except BadRequest as error:
        if not isinstance(error.__cause__, UnicodeDecodeError):
            raise
        detail = "It has text that is not UTF-8. Encode it as UTF-8, and send it again."
        raise Problem(400, "The body is not a form that can be read", detail) from None


def _known(schema: Schema, name: str) -> Schema:
    """Return the schema of a field, or raise ValueError if there is none with this name."""
    if found := schema["properties"].get(name):
        return dict(found)
    if any(re.match(pattern, name) for pattern in schema.get("patternProperties", {})):
        return {"type": "string"}
    raise ValueError(f"There is no field with this name. The fields are {', '.join(schema['properties'])}.")


def _from_texts(schema: Schema, values: Submitted) -> Submitted:
    """Return the values of a form, or raise ValueError if they cannot be those of the field."""
    if schema["type"] == "boolean" and values not in (["true"], ["false"]):
        raise ValueError("Give true or false.")
    if not values:
        raise ValueError(_NO_FILE)
    return values


def _with_defaults(tool: Tool, given: dict[str, Submitted]) -> dict[str, Submitted]:
    """Add what the form shows for the fields that are missing, and write the texts of files to the disk."""
    shown = {field.name: shown_values(field) for field in make_form(tool) if not has_fields(field)}
    values = shown | given
    return values | {name: list(_files(values[name], field.multiple)) for name, field in file_fields(tool).items()}


def _files(values: Submitted, multiple: bool) -> Iterator[Upload]:
    for value in values:
        if isinstance(value, Upload):
            yield value
        elif value or multiple:  # an empty text in a list is an empty file, which the form refuses
            yield current_request().uploads.create("").write(value)
