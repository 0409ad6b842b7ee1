"""A file that a visitor sent, as the fields of a form have it."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Self, cast

from greeter.toolkit.errors import ToolError
from greeter.toolkit.text import read_text

_SHOWN = "shown/"
_MOST_SHOWN = 65_536  # characters: a longer text would make the browser slow
_GZIP = b"\x1f\x8b"
_MOST_SMALL_MEMBERS, _BYTES_OF_A_MEMBER = 10_000, 1000  # bgzip makes one for each 64 KB of text


@dataclass(eq=False)
class Upload:
    """A file that a visitor sent."""

    path: Path
    name: str = ""  # on the visitor's computer, only to be shown; empty for pasted text
    reference: str = ""  # what a form sends to use the file again
    is_new: bool = False  # whether this request sent it: it is removed at the end of the request, unless it is kept
    is_kept: bool = False  # whether the form refers to it
    error: OSError | None = None  # why it could not be stored
    size: int = 0  # in the request, in bytes
    is_dropped: bool = False  # whether it was emptied, because the submission was too large

    def create(self) -> BinaryIO:
        """Create the file, and open it for writing. Raises OSError if the disk is full, or cannot be used."""
        if self.error:
            raise self.error
        return self.path.open("xb")

    def write(self, text: str) -> Self:
        """Create the file from a text, or keep the error if it cannot be stored, and return this upload."""
        try:
            with self.create() as file:
                file.write(text.encode())
        except OSError as error:
            self.error = error
        return self

    @property
    def is_shown(self) -> bool:
        """Whether this is only the name for a text that the form shows; see `shown_reference`."""
        return self.reference.startswith(_SHOWN)

    @property
    def is_packed(self) -> bool:
        """Whether its content starts as a gzip file does."""
        with self.path.open("rb") as file:
            return file.read(2) == _GZIP

    @contextmanager
    def unpacked(self) -> Iterator[BinaryIO]:
        """Open the file for reading, unpacked if it is a gzip or bgzip file. Raises ToolError if that is damaged."""
        if self._has_too_many_members:
            problem = "This gzip file consists of too many small parts. Unpack it, compress it again, then choose it."
            raise ToolError(problem)
        try:
            with gzip.open(self.path) if self.is_packed else self.path.open("rb") as file:
                yield cast(BinaryIO, file)
        except (gzip.BadGzipFile, EOFError, zlib.error):
            problem = "This gzip file is damaged or incomplete. Download it or compress it again, then choose it."
            raise ToolError(problem) from None

    @cached_property
    def _has_too_many_members(self) -> bool:
        """Whether it takes too long to unpack: a member of 20 bytes takes as long as one with kilobytes of text."""
        if not self.is_packed:
            return False
        with self.path.open("rb") as file:
            members = sum(block.count(_GZIP) for block in iter(partial(file.read, 1_000_000), b""))
        return members > _MOST_SMALL_MEMBERS + self.path.stat().st_size / _BYTES_OF_A_MEMBER

    @cached_property
    def short_text(self) -> str:
        """The text of a complete file, unpacked, if it is short enough to be shown in a form; otherwise empty."""
        try:
            with self.unpacked() as source:
                text = read_text(source, _MOST_SHOWN) or ""
        except (ToolError, FileNotFoundError):
            return ""
        return text if text.strip() else ""


def shown_reference(text: str, name: str) -> str:
    """Return what a form sends so that a text in it keeps the name of its file, unless the text is edited.

    It has a checksum of the text, without blanks and line ends, which a browser may change.
    """
    return f"{_SHOWN}{sha256(''.join(text.split()).encode()).hexdigest()}/0/{name}"
