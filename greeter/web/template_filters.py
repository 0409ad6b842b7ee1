"""Template filters for numbers and text, and the variables of every template."""

import mimetypes
from datetime import date
from decimal import Decimal
from functools import lru_cache, partial
from typing import TypeVar

from flask import Flask
from humanize import naturalsize, precisedelta

from greeter.jobs import progress as estimates
from greeter.jobs.progress import ReportedProgress
from greeter.version import RELEASED, __version__
from greeter.web.results.residues import coloured
from greeter.web.results.table_view import cell_text
from greeter.web.services import services

Value = TypeVar("Value")


def init_app(app: Flask) -> None:
    """Add the filters and variables to the templates, and remove unprintable characters from all output."""
    app.context_processor(_common_variables)
    app.jinja_env.finalize = partial(printable, keep="\r\n\t")
    app.jinja_env.filters |= {"count": count, "day": day, "duration": duration, "plural": plural, "words": words}
    app.jinja_env.filters["first_error"] = first_error
    app.jinja_env.filters |= {"stage": estimates.stage, "stages_remain": estimates.stages_remain}
    app.jinja_env.filters |= {"number": number, "size": naturalsize, "cell": cell_text, "coloured": coloured}
    mimetypes.add_type("text/plain", ".fa")  # so that a browser shows an example instead of downloading it


def _common_variables() -> dict[str, object]:
    release = {"version": __version__, "released": RELEASED}
    tools = {"sample_of": services().samples.id_for_tool, "unavailable": services().availability.problem}
    return {"settings": services().settings, **tools, **release}


def count(progress: ReportedProgress | None) -> str:
    """Format how much is done, as in `3 of 9 steps; `; nothing if it is unknown."""
    if not progress or ("stage" in progress and not (progress["current"] or progress["total"])):
        return ""
    done, total, unit = progress["current"], progress["total"], progress["unit"]
    return f"{done:,}{f' of {total:,}' if total else ''} {plural(unit, total or done)}; "


@lru_cache(maxsize=1024)
def duration(seconds: int) -> str:
    """Format seconds as in `40 seconds` or, from one minute on rounded down to minutes, `3 hours and 20 minutes`."""
    if seconds < 1:
        return "less than a second"
    return precisedelta(seconds // 60 * 60 if seconds >= 60 else seconds, minimum_unit="seconds", format="%d")


@lru_cache(maxsize=64)
def day(when: date) -> str:
    """Format a date, as in `9 January 2027`."""
    return f"{when:%-d %B %Y}"


def first_error(errors: object) -> str:
    """Return the first error of a field, or an empty text; the errors of a field that has fields are nested."""
    while errors and not isinstance(errors, str):
        nested = errors.values() if isinstance(errors, dict) else errors
        errors = next(filter(None, nested), "")  # type: ignore[call-overload]
    return str(errors or "")


def number(value: float | Decimal) -> str:
    """Format a limit of a field, as in `10,000` or `1e-300`."""
    return f"{value:,.9g}"


def words(value: object) -> str:
    """Format a parameter or a result: `yes`, `no` or `none`, a date as in `2027-01-09`, a list or dict with commas."""
    if value is None:
        return "none"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {words(one)}" for name, one in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(words, value)) or "none"
    return str(value) if not isinstance(value, bool) else "yes" if value else "no"


def plural(unit: str, number: int | None) -> str:
    """Return the plural of a unit, such as `steps` or `queries`; for 1, the singular. `number` is None if unknown."""
    if number == 1:
        return unit
    if unit.endswith("y") and unit[-2:-1] not in "aeiou":
        return unit[:-1] + "ies"
    return unit + ("es" if unit.endswith(("s", "x", "ch", "sh")) else "s")


def printable(text: Value, keep: str = "") -> Value:
    """Remove control characters, except those to keep, and characters that change the text direction.

    Other white space becomes spaces. A value that is not a str is returned unchanged.
    """
    if not isinstance(text, str) or text.isprintable():
        return text
    characters = text.replace("\r\n", "\n")
    return type(text)("".join(one if one.isprintable() or one in keep else " " * one.isspace() for one in characters))
