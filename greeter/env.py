"""Declare settings, read them from the environment, and print `.env.example`.

The parsers at the end take the text of a value and return the value, or raise ValueError with what it should be.
"""

import re
import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from greeter.redis_url import RedisUrl
from greeter.smtp_url import SmtpUrl

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")
SettingsT = TypeVar("SettingsT", bound="DataclassInstance")
Setting: TypeAlias = "Field[object]"

_HEADER = """\
# Every setting of greeter with its default. `make run` copies this file to .env and replaces each change-me with a
# fresh secret. By hand: cp .env.example .env, and replace each change-me yourself. Quote a value that contains a space
# or a #. Developers: change greeter/settings.py, then run .venv/bin/python -m greeter.settings > .env.example
"""


def setting(default: str, parse: Callable[[str], T], description: str, section: str = "") -> T:
    """Declare a setting: a field of a dataclass, read from the environment variable that has its name in capitals.

    Args:
        default: The value as `.env` has it.
        parse: Converts the text of a value, or raises ValueError with what the value should be. The message must not
            quote the value, which may be a secret.
        description: The comment in `.env.example`: what the setting is, its unit, what to consider.
        section: The heading of a group in `.env.example`, given for the first setting of the group.

    Returns:
        The field, typed as the value that it holds, as `dataclasses.field` does.
    """
    metadata = {"default": default, "parse": parse, "description": description, "section": section}
    return field(default=parse(default), metadata=metadata)


def read(kind: type[SettingsT], environ: Mapping[str, str]) -> tuple[SettingsT, dict[str, str]]:
    """Read settings from a mapping.

    Args:
        kind: A dataclass whose fields `setting` made.
        environ: Values by variable name, such as `os.environ`.

    Returns:
        The settings, and for each invalid value what it should be, by variable name. Settings that are invalid, missing
        or empty have their defaults.
    """
    values, problems = {}, {}
    for declared in fields(kind):
        name = declared.name.upper()
        if text := environ.get(name, "").strip():
            try:
                values[declared.name] = declared.metadata["parse"](text)
            except ValueError as error:
                problems[name] = str(error)
    return kind(**values), problems


def example(settings: Iterable[Setting]) -> str:
    """Return the content of `.env.example`: the settings with their descriptions and defaults."""
    return "\n".join([_HEADER, *map(_example_of, settings)])


def _example_of(declared: Setting) -> str:
    """Return the lines of one setting, with the heading of its section if it is the first one there."""
    section, description = declared.metadata["section"], declared.metadata["description"]
    heading = f"# --- {section} ---\n\n" if section else ""
    comment = textwrap.fill(description, 120, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)
    return f"{heading}{comment}\n{declared.name.upper()}={declared.metadata['default']}\n"


def yes_or_no(text: str) -> bool:
    """Parse yes, true, no or false."""
    if text.lower() not in ("yes", "true", "no", "false"):
        raise ValueError("should be yes or no")
    return text.lower() in ("yes", "true")


def at_least(minimum: int) -> Callable[[str], int]:
    """Return a parser for whole numbers of at least this minimum."""

    def whole_number(text: str) -> int:
        if not text.isdecimal() or int(text) < minimum:
            raise ValueError(f"should be a whole number, {minimum} or more")
        return int(text)

    return whole_number


def port(text: str) -> int:
    """Parse a TCP port."""
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise ValueError("should be a port, a whole number from 1 to 65535")
    return int(text)


def redis_server(text: str) -> str:
    """Check the URL of a Redis server, or of its sentinels."""
    RedisUrl.parse(text)
    return text


def smtp_server(text: str) -> str:
    """Check the URL of a mail server; it may be empty."""
    if text:
        SmtpUrl.parse(text)
    return text


def user_and_password(text: str) -> str:
    """Check a login for HTTP basic authentication."""
    if not all(text.partition(":")):
        raise ValueError("should be USER:PASSWORD")
    return text


def mail_address(text: str) -> str:
    """Check that a text may be an email address."""
    if not all(text.partition("@")) or not text.isprintable() or set(text) & set(' ,;:<>()[]"\\'):
        raise ValueError("should be an email address")
    return text


def optional_mail_address(text: str) -> str:
    """Check that a text may be an email address; it may be empty."""
    return mail_address(text) if text else text


def web_address(text: str) -> str:
    """Check that a text may be the address of a page; it may be empty."""
    if text and not (text.startswith(("https://", "http://")) and text.isprintable() and " " not in text):
        raise ValueError("should be an address that starts with https://")
    return text


def words(text: str) -> tuple[str, ...]:
    """Split a list at its commas and spaces."""
    return tuple(text.replace(",", " ").split())


def host_names(text: str) -> tuple[str, ...]:
    """Split a list of host names, which may start with a dot and end in a port."""
    found = words(text.lower())
    # No underscore: requests for such a name are refused.
    if not all(re.fullmatch(r"\.?([^\W_]|[.-])+(:\d+)?", name) for name in found):
        raise ValueError("should have host names, such as your.host, without https://")
    return found


def origins(text: str) -> tuple[str, ...]:
    """Split a list of origins, as browsers send them, or *."""
    found = words(text.lower())
    if not all(re.fullmatch(r"\*|https?://[^/]+", origin) for origin in found):
        raise ValueError("should have origins, such as https://www.example.org, without a path, or *")
    return found


def folder(text: str) -> Path:
    """Make a path absolute, so that a process can change its working directory."""
    return Path(text).absolute()


def optional_folder(text: str) -> Path | None:
    """Make a path absolute; it may be empty."""
    return folder(text) if text else None
