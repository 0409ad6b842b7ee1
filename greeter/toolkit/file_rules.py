"""What a form field for files accepts, and how a file becomes the one that the tool gets."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from humanize import naturalsize

from greeter.toolkit.errors import ToolError
from greeter.toolkit.upload import Upload

_CHUNK = 65_536  # bytes
PACKED = (".gz", ".bgz")
# Formats that are gzip or bgzip files themselves, and which programs read as they are.
_FORMATS = (".bam", ".bcf", ".csi", ".tbi", ".tgz", ".rds", ".rda", ".rdata", ".svgz")
_EMPTY = "The file is empty. Choose another one."
NO_ROOM = "All files and texts of this form together are too large, so this one was not kept. Choose a smaller one."
_NOT_TEXT = "This is not a text file. Unpack it, or save it as plain text (UTF-8), and choose it again."
_UNREADABLE = "This file cannot be read. It may be damaged, or of another kind. Check it, or choose another one."
log = logging.getLogger(__name__)
Contents = Callable[[BinaryIO], Iterator[bytes]]


@dataclass(frozen=True)
class FileRules:
    """What a field accepts."""

    suffixes: tuple[str, ...]  # the endings of names; none: any name
    max_bytes: int  # even after unpacking
    new_upload: Callable[[str], Upload]  # prepares another file with the same name
    contents: Contents | None = None  # converts an unpacked file to what the tool gets; None: it gets the file as it is
    check: Callable[[Path], object] | None = None  # raises ToolError for an unsuitable file
    unpack: bool = True  # whether gzip files are unpacked, with the exceptions that `FileField` describes

    def accept(self, upload: Upload) -> Upload:
        """Check a file, and return the one that the tool gets.

        Raises:
            ToolError: The file is not suitable.
            OSError: The disk is full.
        """
        if upload.is_dropped:
            raise self._too_large(upload) if upload.size > self.max_bytes else ToolError(NO_ROOM)
        if not upload.path.stat().st_size:
            raise ToolError(_EMPTY)
        self._check_name(upload.name.lower(), upload.name)
        if self.contents or self._unpacks(upload):
            upload = self._rewrite(upload)
        elif upload.path.stat().st_size > self.max_bytes:
            raise self._too_large(upload)
        self._check(upload.path)
        return upload

    def _check(self, path: Path) -> None:
        try:
            if self.check:
                self.check(path)
        except ToolError:
            raise
        except UnicodeDecodeError:
            raise ToolError(_NOT_TEXT) from None
        except Exception:
            log.exception("bug in the check of a file, or a file of another kind")
            raise ToolError(_UNREADABLE) from None

    def _check_name(self, name: str, shown: str) -> None:
        unpacked = name.removesuffix(".gz").removesuffix(".bgz")
        if name and self.suffixes and not name.endswith(self.suffixes) and not unpacked.endswith(self.suffixes):
            raise ToolError(f"{shown!r} does not end in {' or '.join(self.suffixes)}. Choose another file.")

    def _unpacks(self, upload: Upload) -> bool:
        wanted = (*_FORMATS, *(suffix for suffix in self.suffixes if suffix.endswith(PACKED)))
        return self.unpack and not upload.name.lower().endswith(wanted) and upload.is_packed

    def _rewrite(self, upload: Upload) -> Upload:
        new, size = self.new_upload(upload.name), 0
        contents = self.contents or (lambda source: iter(partial(source.read, _CHUNK), b""))
        with new.create() as target, upload.unpacked() as source:
            if not source.read(1):
                raise ToolError(_EMPTY)
            source.seek(0)
            for chunk in contents(source):
                size += len(chunk)
                if size > self.max_bytes:
                    raise self._too_large(upload)
                target.write(chunk)
        return new

    def _too_large(self, upload: Upload) -> ToolError:
        if upload.is_dropped and not upload.name:
            problem = f"The text has more than {self._size}, so this page does not show it again."
            return ToolError(f"{problem} Go back in your browser, and shorten it.")
        if not upload.name:
            return ToolError(f"The text has more than {self._size}. Shorten it.")
        return ToolError(f"The file has more than {self._size}, counted after unpacking. Choose a smaller one.")

    @property
    def _size(self) -> str:
        return naturalsize(self.max_bytes, binary=True, format="%.3g")

    @property
    def sentence(self) -> str:
        """The rules in words, for the form."""
        endings = f"Names ending in {' or '.join(self.suffixes)}. " if self.suffixes else ""
        return f"{endings}At most {self._size}."
