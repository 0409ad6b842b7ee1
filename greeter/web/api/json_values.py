"""Read JSON, and its values as WTForms takes them: as texts. Their types are checked here, because texts have none."""

import json
import re
from collections.abc import Callable
from itertools import islice
from typing import Self, TypeGuard

from greeter.toolkit.json_types import JSON, JSONObject
from greeter.web.api.problem import Problem
from greeter.web.api.schemas import Schema

_MOST_VALUES = 10_000  # in one request, about: each takes a hundred times its bytes in memory
# A text, even one without an end, so that it is read once, and not once from each of its quotation marks; or what comes
# before a value. There are at most three of them for each value: a comma, its name and itself.
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+["\\]?|[,[{]', re.DOTALL)
_WORDS = {
    "string": "a string",
    "integer": "a whole number, such as 10",
    "number": "a number, such as 0.001",
    "boolean": "true or false",
    "array": "an array of strings",
    "null": "null",
}


class _Number(float):
    """A number, and how it was written: a DecimalField keeps more digits than a float has."""

    __slots__ = ("_text",)
    _text: str

    def __new__(cls, text: str) -> Self:
        number = super().__new__(cls, text)
        number._text = text
        return number

    def __str__(self) -> str:
        return self._text


def parse(body: bytes) -> JSON:
    """Return the JSON in the body of a request. Raises Problem if it cannot be read, or has too many values."""
    try:
        if next(islice(_TOKEN.finditer(body), 3 * _MOST_VALUES, None), None):
            raise ValueError(f"There are more than {_MOST_VALUES:,} values")
        text = body.decode("utf-8-sig")  # as UTF-16, _TOKEN would not match
        found: JSON = json.loads(text, object_pairs_hook=_object, parse_int=_integer, parse_float=_Number)
        json.dumps(found, ensure_ascii=False).encode()  # half of a surrogate pair is not a text
        return found
    except UnicodeDecodeError as error:
        detail = f"It is not UTF-8 from byte {error.start + 1} on. Encode it as UTF-8, and send it again."
    except (ValueError, RecursionError) as error:
        detail = f"{str(error)[:200].rstrip('.')}. Correct the JSON, and send it again."
    raise Problem(400, "The body is not JSON that can be read", detail)


def _integer(digits: str) -> int | float:
    try:
        return int(digits)
    except ValueError:  # Python reads at most 4,300 digits
        return float(digits)


def _object(pairs: list[tuple[str, JSON]]) -> JSONObject:
    found: JSONObject = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"The name {name[:80]!r} is used twice in the same object")
        found[name] = value
    return found


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
