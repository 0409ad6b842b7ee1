"""Read a form in application/x-www-form-urlencoded, which is encoded as in an address."""

import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

_PARTS = re.compile(rb".{1,65536}(?=%|\Z)|.{65536}", re.DOTALL)  # which cut no escape in two


def pairs(body: bytes) -> Iterator[tuple[str, str]]:
    """Yield the names and texts in the body of a request. Raises ValueError if one is not UTF-8."""
    for pair in filter(None, body.split(b"&")):
        name, _, text = pair.replace(b"+", b" ").partition(b"=")
        yield _unescaped(name), _unescaped(text)


def _unescaped(text: bytes) -> str:
    """Replace the escapes, such as %41, in parts: Python needs a hundred times the memory of those that it replaces."""
    return b"".join(unquote_to_bytes(part) for part in _PARTS.findall(text)).decode()
