"""What pages show everywhere, and how they show numbers and texts."""

import mimetypes
from shlex import quote
from typing import Any

from flask import Flask
from humanize import naturalsize, precisedelta

from greeter.version import __version__
from greeter.web.services import services


def init_app(app: Flask) -> None:
    """Add the filters and the settings to the templates, and let nothing that cannot be shown out of any."""
    app.context_processor(_common)
    app.jinja_env.finalize = lambda value: printable(value, keep="\r\n\t")
    app.jinja_env.filters |= {"duration": duration, "plural": plural, "size": naturalsize, "quote": quote}
    mimetypes.add_type("text/plain", ".fa")  # an example opens in the browser


def _common() -> dict[str, Any]:
    return {"settings": services().settings, "version": __version__, "sample_of": services().samples.of}


def duration(seconds: int) -> str:
    """Seconds up to a minute, then minutes: `42 seconds`, `3 hours and 20 minutes`."""
    if seconds < 1:
        return "less than a second"
    return precisedelta(seconds // 60 * 60 if seconds >= 60 else seconds, minimum_unit="seconds", format="%d")


def plural(unit: str, number: int | None) -> str:
    """The unit for a number of them: `step`, 2 -> `steps`; `query`, 2 -> `queries`."""
    if number == 1:
        return unit
    if unit.endswith("y") and unit[-2:-1] not in "aeiou":
        return unit[:-1] + "ies"
    return unit + ("es" if unit.endswith(("s", "x", "ch", "sh")) else "s")


def printable(text: Any, keep: str = "") -> Any:
    """A text without the characters that control a terminal or turn the direction of others, but for those to `keep`.

    Other white space becomes a blank. What is no text stays as it is.
    """
    if not isinstance(text, str) or text.isprintable():
        return text
    characters = text.replace("\r\n", "\n")
    return type(text)("".join(one if one.isprintable() or one in keep else " " * one.isspace() for one in characters))
