"""What a tool returns: as its docstring says, and as its sample shows."""

import inspect
from itertools import takewhile

from greeter.toolkit.json_types import JSON, JSONObject
from greeter.toolkit.tool import Tool
from greeter.web.api.results import FILE, results_of
from greeter.web.api.schemas import Schema, list_of
from greeter.web.services import services

_LONGEST_TEXT, _LONGEST_LIST = 200, 3  # characters and values of an example


def outputs_of(tool: Tool) -> JSONObject:
    """Return the outputs of a tool, with those of its sample as examples, in which long values are shortened."""
    described: dict[str, tuple[str, str, Schema]] = {
        "result": ("The result", _returned(tool), {"type": "object"}),
        "files": ("The result files", "Those of other inputs can differ.", list_of(FILE)),
    }
    examples = _examples(tool)
    return {
        name: {
            "title": title,
            "description": description,
            "schema": schema | ({"examples": [examples[name]]} if name in examples else {}),
        }
        for name, (title, description, schema) in described.items()
    }


def _examples(tool: Tool) -> JSONObject:
    sample = services().samples.id_for_tool(tool.name)
    if not sample:
        return {}
    results = results_of(services().samples.find(sample))
    return results | {"result": _shortened(results["result"])}


def _returned(tool: Tool) -> str:
    """Return the section Returns of the docstring of a tool's function; empty if it has none."""
    _, _, rest = (inspect.getdoc(tool.function) or "").partition("\nReturns:\n")
    section = takewhile(lambda line: not line.strip() or line.startswith(" "), rest.splitlines())
    return " ".join(" ".join(section).split())


def _shortened(value: JSON) -> JSON:
    if isinstance(value, str) and len(value) > _LONGEST_TEXT:
        return f"{value[:_LONGEST_TEXT]}..."
    if isinstance(value, list):
        return [_shortened(one) for one in value[:_LONGEST_LIST]]
    if isinstance(value, dict):
        return {name: _shortened(one) for name, one in value.items()}
    return value
