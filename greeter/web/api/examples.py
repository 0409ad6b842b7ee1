"""The examples of the tools, as requests that can be sent."""

from wtforms import Field

from greeter.toolkit import FileField
from greeter.toolkit.json_types import JSON, JSONObject
from greeter.web.api.form_schema import json_value
from greeter.web.api.operations import PREFIX, Answer, operation
from greeter.web.api.processes import find_process
from greeter.web.api.schemas import component
from greeter.web.forms import make_form
from greeter.web.uploads import of_example

EXECUTE = component("Execute", {"inputs": {"type": "object"}})


@operation("GET", f"{PREFIX}/processes/{{processID}}/example", {200: Answer("The example.", EXECUTE)}, errors=(404,))
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
