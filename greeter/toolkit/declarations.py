"""Checks of what a tool declares, so that a mistake is reported in one line when the tool is loaded."""

import dataclasses
import re
import shlex
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import UnionType
from typing import TYPE_CHECKING, Any, Literal, TypeGuard, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

# The list of a queue has its name, so it must not be another key: of greeter (jobs/records/scripts.py),
# greeter 0.2.0 or kombu.
RESERVED_QUEUES = {
    *("bytes", "client_key", "clock", "installation", "mails", "queues", "statistics", "tools", "unfit", "write_check"),
    *("workers", "unacked", "unacked_index", "unacked_mutex"),
}
_QUEUE = re.compile("[a-z0-9_-]+")
_EDAM_TERM = re.compile("(operation|topic)_[0-9]{4}")
_EDAM_EXAMPLE = '{"operation_0346": "Sequence similarity search"}'


def check_types(declaration: "DataclassInstance") -> None:
    """Raise TypeError if a field of a dataclass has a value of another type than its annotation.

    A wrong value would otherwise fail where it is used, such as on a page that shows all tools.
    """
    types = _types(declaration.__class__)
    for field in dataclasses.fields(declaration):
        value = getattr(declaration, field.name)
        if not _fits(value, types[field.name]):
            kind = getattr(field.type, "__name__", field.type)
            raise TypeError(f"{field.name}={value!r} is of the wrong type. Use {kind}.")


_types = lru_cache(get_type_hints)  # a page may make fifty columns


def _fits(value: object, kind: Any) -> bool:
    inner = get_args(kind)
    if get_origin(kind) is Literal:
        return value in inner
    if isinstance(kind, UnionType):
        return any(_fits(value, one) for one in inner)
    if kind is Any or not isinstance(value, get_origin(kind) or kind):
        return kind is Any
    if isinstance(value, Mapping):
        return all(_fits(key, inner[0]) and _fits(one, inner[1]) for key, one in value.items())
    return not isinstance(value, list | tuple) or all(_fits(one, inner[0]) for one in value)


def require_list(what: str, value: object) -> None:
    """Raise TypeError for a string where a list is needed: its letters would become the elements."""
    if isinstance(value, str):
        raise TypeError(f"The {what} cannot be the string {value!r}. Write a list: {value.split()}.")


def check_suffixes(suffixes: Sequence[str]) -> None:
    """Raise TypeError or ValueError unless these are the suffixes of a field for files: a list, each with a dot."""
    require_list("suffixes", suffixes)
    for suffix in suffixes:
        if not suffix.startswith("."):
            raise ValueError(f"The suffix {suffix!r} has no dot. Write {'.' + suffix!r}.")


def require_positive(what: str, value: int | None) -> None:
    """Raise ValueError for a number that is less than 1. None is accepted."""
    if value is not None and value < 1:
        raise ValueError(f"The {what} cannot be {value}. Write 1 or more.")


def check_queue(name: str) -> None:
    """Raise ValueError if a queue cannot have this name."""
    if not _QUEUE.fullmatch(name) or name in RESERVED_QUEUES:
        advice = "use a-z, 0-9, _ and -, but not the name of another key in Redis."
        raise ValueError(f"The queue cannot be named {name!r}: {advice}")


def check_programs(programs: object) -> None:
    """Raise TypeError or ValueError unless these are the programs of a tool, as `tool` describes them."""
    advice = 'Write a dict with the arguments that make each program print its version: {"mafft": "--version"}.'
    if not _has_texts(programs):
        raise TypeError(f"The programs cannot be {programs!r}. {advice}")
    for name, arguments in programs.items():
        try:
            shlex.split(arguments)
        except ValueError as error:
            problem = f"The arguments of {name} cannot be {arguments!r}: {error}."
            raise ValueError(f"{problem} Write them as in a shell, with closed quotes.") from None


def check_edam(terms: object) -> None:
    """Raise TypeError or ValueError unless these are terms of EDAM (https://edamontology.org) with their labels."""
    if not _has_texts(terms):
        raise TypeError(f"The EDAM terms cannot be {terms!r}. Write a dict with the label of each: {_EDAM_EXAMPLE}.")
    for term in terms:
        if not isinstance(term, str) or not _EDAM_TERM.fullmatch(term):
            problem = f"{term!r} is not an EDAM term for a tool."
            raise ValueError(f"{problem} Write operations and topics with their numbers: {_EDAM_EXAMPLE}.")


def _has_texts(value: object) -> TypeGuard[Mapping[object, str]]:
    return isinstance(value, Mapping) and all(isinstance(text, str) for text in value.values())
