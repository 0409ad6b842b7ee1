"""The values of JSON as WTForms takes them: as texts. Their types are checked here, because texts have none."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeGuard

from greeter.toolkit.json_types import JSON
from greeter.web.api.schemas import Schema

_WORDS = {
    "string": "a string",
    "integer": "a whole number, such as 10",
    "number": "a number, such as 0.001",
    "boolean": "true or false",
    "array": "an array of strings",
    "null": "null",
}


def texts_of(schema: Schema, value: JSON) -> list[str]:
    """Return a value of JSON as a form would send it.

    Raises ValueError, with what to give, if its type is not that of the field.
    """
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if not any(_IS_TYPE[kind](value) for kind in kinds):
        raise ValueError(f"Give {' or '.join(_WORDS[kind] for kind in kinds)}.")
    if value == "" and "null" in kinds and "format" in schema:
        raise ValueError("Give a value, or null.")
    if isinstance(value, list):
        return [str(one) for one in value]
    if isinstance(value, bool):
        return [str(value).lower()]
    if isinstance(value, float) and "integer" in kinds:
        return [str(int(value))]
    return ["" if value is None else str(value)]


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


_IS_TYPE: dict[str, Callable[[JSON], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: _is_number(value) and (isinstance(value, int) or value.is_integer()),
    "number": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list) and all(isinstance(one, str) for one in value),
    "null": lambda value: value is None,
}
