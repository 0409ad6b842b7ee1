"""Text files of unknown origin, read in blocks so that files of any size need little memory."""

import io
from collections.abc import Iterator
from typing import BinaryIO

from greeter.toolkit.errors import ToolError

_BLOCK = 65_536  # characters
_BYTE_ORDER_MARK = b"\xef\xbb\xbf".decode("latin-1")
# bzip2 and zstd. Zip and xz always contain a zero byte, which is enough to reject them.
_COMPRESSED = tuple(magic.decode("latin-1") for magic in (b"BZh", b"(\xb5/\xfd"))
_NOT_TEXT = "This is not a text file. Unpack it, or save it as plain text, and choose it again."


def text_blocks(source: BinaryIO) -> Iterator[str]:
    """Read a text in UTF-8 or Latin-1, with any kind of line ending.

    Args:
        source: The open file.

    Yields:
        Blocks of some lines, with Unix line endings. A line of more than 65,536 characters may be divided.

    Raises:
        ToolError: This is not text.
    """
    # Latin-1 maps each byte to a character, so decoding never fails.
    lines = io.TextIOWrapper(source, encoding="latin-1", newline=None)
    try:
        start = lines.readline(_BLOCK)
        if start.startswith(_COMPRESSED):
            raise ToolError(_NOT_TEXT)
        yield _decode(start.removeprefix(_BYTE_ORDER_MARK))
        while block := lines.read(_BLOCK) + lines.readline(_BLOCK):
            yield _decode(block)
    finally:
        if not source.closed:
            lines.detach()  # the source belongs to the caller


def read_text(source: BinaryIO, limit: int) -> str | None:
    """Read a text of up to `limit` characters. Returns None if it is longer. Raises ToolError if it is not text."""
    text = ""
    for block in text_blocks(source):
        text += block
        if len(text) > limit:
            return None
    return text


def _decode(block: str) -> str:
    if "\0" in block:
        raise ToolError(_NOT_TEXT)
    if block.isascii():
        return block
    try:
        return block.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return block
