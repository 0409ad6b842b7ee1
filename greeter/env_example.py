"""Print `.env.example` from the declarations of the settings."""

import ast
import inspect
import textwrap
from dataclasses import Field, fields
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_HEADER = """\
# Every setting of greeter with its default. `make run` copies this file to .env and replaces each change-me with a
# fresh secret. By hand: cp .env.example .env, and replace each change-me yourself. Quote a value that contains a space
# or a #. Developers: change greeter/settings.py, then run .venv/bin/python -m greeter.settings > .env.example
"""


def example(kind: type["DataclassInstance"]) -> str:
    """Return the content of `.env.example`: the settings of a dataclass with their descriptions and defaults."""
    descriptions = _descriptions(kind)
    return "\n".join([_HEADER, *(_example_of(declared, descriptions[declared.name]) for declared in fields(kind))])


def _descriptions(kind: type) -> dict[str, str]:
    """Return the string after each declaration, which Python keeps only in the source."""
    found = {}
    [declaration] = ast.parse(inspect.getsource(kind)).body
    for statement, following in pairwise(getattr(declaration, "body", ())):
        match statement, following:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = " ".join(text.split())
    return found


def _example_of(declared: "Field[object]", description: str) -> str:
    """Return the lines of one setting, with the heading of its section if it is the first one there."""
    section = declared.metadata["section"]
    heading = f"# --- {section} ---\n\n" if section else ""
    comment = textwrap.fill(description, 120, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)
    return f"{heading}{comment}\n{declared.name.upper()}={declared.metadata['default']}\n"
