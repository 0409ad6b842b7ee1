"""Which parameters of a job are files, and which are reference databases."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from greeter.toolkit.database import Database
from greeter.toolkit.json_types import JSONObject
from greeter.toolkit.tool import Params

Inputs = Mapping[str, Path | Sequence[Path]]
"""Files by the name of their parameter, which has one or several."""


def paths_in(value: object) -> list[Path]:
    """Return the files in the value of a parameter."""
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, Path)]


def file_params(params: Params) -> Inputs:
    """Return those parameters of a job that are files."""
    return {name: value for name, value in params.items() if paths_in(value)}


def size_of(inputs: Inputs) -> int:
    """Return how many bytes files take in total. Raises OSError if one of them no longer exists."""
    return sum(path.stat().st_size for value in inputs.values() for path in paths_in(value))


def recorded_databases(params: Params) -> dict[str, JSONObject]:
    """Return those parameters of a job that are databases, as stored in its record."""
    return {name: value.recorded for name, value in params.items() if isinstance(value, Database)}
