"""A tool, as OGC API Processes describes a process."""

from greeter.toolkit.json_types import JSONObject
from greeter.toolkit.tool import Tool
from greeter.version import __version__
from greeter.web.api.form_schema import inputs_schema
from greeter.web.api.operations import LINK, link
from greeter.web.api.outputs import outputs_of
from greeter.web.api.schemas import COUNT, TEXT, YES, Schema, about, component, list_of, object_of, text
from greeter.web.input.forms import submission_limit
from greeter.web.services import services

_SUMMARY: Schema = {
    "id": text("Name of the process in URLs."),
    "title": TEXT,
    "description": TEXT,
    "version": TEXT,
    "jobControlOptions": list_of(TEXT),
    "outputTransmission": list_of(TEXT),
    "duration": text("How long a job usually takes, in words; may be empty."),
    "available": about("Whether it can be executed now.", YES),
    "problem": {"type": ["string", "null"], "description": "Why it cannot be executed, and what to do."},
    "links": list_of(LINK),
}
_OUTPUT = object_of({"title": TEXT, "description": TEXT, "schema": {"type": "object"}})
_INPUT = object_of({"title": TEXT, "description": TEXT, "minOccurs": COUNT, "schema": {"type": "object"}})
PROCESS_LIST = component(
    "ProcessList", {"processes": list_of(component("ProcessSummary", _SUMMARY)), "links": list_of(LINK)}
)
PROCESS = component(
    "Process",
    _SUMMARY
    | {
        "inputs": {"type": "object", "additionalProperties": _INPUT},
        "outputs": {"type": "object", "additionalProperties": _OUTPUT},
        "maximumBytes": about("The maximum size of a submission in bytes.", COUNT),
        "maximumSeconds": about("Time limit: a job that reaches it is stopped, and keeps its partial result.", COUNT),
    },
)


def summary_of(tool: Tool) -> JSONObject:
    """Return what the list of processes says about a tool."""
    problem = services().availability.problem(tool)
    return {
        "id": tool.name,
        "title": tool.title,
        "description": tool.summary,
        "version": __version__,
        "jobControlOptions": ["async-execute"],
        "outputTransmission": ["value", "reference"],
        "duration": tool.duration,
        "available": not problem,
        "problem": problem,
        "links": [
            link("self", "api.describe_process", name=tool.name),
            link("http://www.opengis.net/def/rel/ogc/1.0/execute", "api.execute", name=tool.name),
            link("example", "api.show_example", name=tool.name),
            link("alternate", "pages.tool", "text/html", name=tool.name),
        ],
    }


def process_of(tool: Tool) -> JSONObject:
    """Return the summary of a tool with its inputs, their limits, and its outputs."""
    schema = inputs_schema(tool)
    required = schema.get("required", [])
    inputs = {
        name: {
            "title": found.pop("title"),
            "description": found.pop("description", ""),
            "minOccurs": int(name in required),
            "schema": found,
        }
        for name, found in schema["properties"].items()
    }
    return summary_of(tool) | {
        "inputs": inputs,
        "outputs": outputs_of(tool),
        "maximumBytes": submission_limit(tool),
        "maximumSeconds": tool.soft_time_limit or services().settings.soft_time_limit,
    }
