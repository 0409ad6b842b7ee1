"""Declare settings, and read them from the environment.

The parsers at the end take the text of a value and return the value, or raise ValueError with what it should be.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import field, fields
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from greeter.redis_url import RedisUrl
from greeter.smtp_url import SmtpUrl

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")
SettingsT = TypeVar("SettingsT", bound="DataclassInstance")


def setting(default: str, parse: Callable[[str], T], section: str = "") -> T:
    """Declare a setting: a field of a dataclass, read from the environment variable that has its name in capitals.

    A string follows it: the comment in `.env.example`, with what the setting is, its unit, and what to consider.

    Args:
        default: The value as `.env` has it.
        parse: Converts the text of a value, or raises ValueError with what the value should be. The message must not
            quote the value, which may be a secret.
        section: The heading of a group in `.env.example`, given for the first setting of the group.

    Returns:
        The field, typed as the value that it holds, as `dataclasses.field` does.
    """
    return field(default=parse(default), metadata={"default": default, "parse": parse, "section": section})


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
    """Check that a text may be an email address; it may be empty."""
    is_address = all(text.partition("@")) and text.isprintable() and not set(text) & set(' ,;:<>()[]"\\')
    if text and not is_address:
        raise ValueError("should be an email address")
    return text


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
