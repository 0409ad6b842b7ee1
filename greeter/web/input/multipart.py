"""Read a form in multipart/form-data: its files go to the disk, and its texts stay in memory while there is room."""

from collections.abc import Callable, Collection
from functools import partial
from itertools import chain
from typing import IO

from werkzeug.datastructures import FileStorage, ImmutableMultiDict
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

_CHUNK = 64 * 1024  # bytes

Form = tuple[ImmutableMultiDict[str, str], ImmutableMultiDict[str, FileStorage]]


class MultipartReader:
    """Reads one form.

    Args:
        open_file: Returns a file to write to, given its name on the visitor's computer.
        long_texts: The fields whose text goes to a file without a name if there is no room for it in memory.
        room: How many bytes of texts may be in memory.
        max_parts: How many texts and files the form may have.
    """

    def __init__(
        self, open_file: Callable[[str], IO[bytes]], long_texts: Collection[str], room: int, max_parts: int
    ) -> None:
        self._open_file, self._long_texts, self._room, self._max_parts = open_file, long_texts, room, max_parts
        self._texts: list[tuple[str, str]] = []
        self._files: list[tuple[str, FileStorage]] = []
        self._part: Field | File | None = None
        self._file: IO[bytes] | None = None  # of the current part, whose text is in memory otherwise
        self._text: list[bytes] = []

    def read(self, stream: IO[bytes], boundary: bytes) -> Form:
        """Read the form from the body of a request, whose parts are separated by the boundary.

        Returns the texts and the files, by the names of their fields.

        Raises:
            ValueError: There is no boundary, the body is malformed, or it has a text that is not UTF-8.
            RequestEntityTooLarge: It has too many parts, too much text, or a part with too long headers.
        """
        if not boundary:
            raise ValueError("the parts of the form have no boundary")
        # Between two chunks, it keeps only what may be a boundary, or the headers of a part: this limits these headers.
        decoder = MultipartDecoder(boundary, 2 * _CHUNK, max_parts=self._max_parts)
        for data in chain(iter(partial(stream.read, _CHUNK), b""), [None]):
            decoder.receive_data(data)
            while not isinstance(event := decoder.next_event(), Epilogue | NeedData):
                if isinstance(event, Field | File):
                    if event.name is None:  # not a str, as its type says
                        raise ValueError("a part of the form has no name")
                    self._part = event
                    self._file = self._open_file(event.filename) if isinstance(event, File) else None
                elif isinstance(event, Data):
                    self._add(event.data)
                    if not event.more_data:
                        self._end()
        return ImmutableMultiDict(self._texts), ImmutableMultiDict(self._files)

    def _add(self, data: bytes) -> None:
        if self._file:
            self._file.write(data)
            return
        self._text.append(data)
        self._room -= len(data)
        if self._room < 0:
            self._spill()

    def _spill(self) -> None:
        """Move the text of the current part to a file."""
        if not self._part or self._part.name not in self._long_texts:
            raise RequestEntityTooLarge
        self._file = self._open_file("")
        for data in self._text:
            self._file.write(data)
            self._room += len(data)
        self._text.clear()

    def _end(self) -> None:
        assert self._part
        name = self._part.name
        if self._file:
            self._file.close()
            filename = getattr(self._part, "filename", "")
            self._files.append((name, FileStorage(self._file, filename, name, headers=self._part.headers)))
        else:
            self._texts.append((name, b"".join(self._text).decode()))
            self._text.clear()
