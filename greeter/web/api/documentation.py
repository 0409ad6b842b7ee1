"""The description of the API: as an OpenAPI document, and as a page."""

from flask import render_template

from greeter.toolkit.json_types import JSONObject
from greeter.web.api.openapi import document
from greeter.web.api.operations import bp
from greeter.web.api.outputs import outputs_of
from greeter.web.services import services


@bp.get("/api/openapi.json")
def show_document() -> JSONObject:
    """Show the OpenAPI document."""
    return document()


@bp.get("/api")
def show_page() -> str:
    """Show how to use the API, and what the document says, as a page."""
    tools = services().tools.values()
    outputs = {tool.name: outputs_of(tool) for tool in tools}
    return render_template("api.html", document=document(), tools=tools, outputs=outputs)
