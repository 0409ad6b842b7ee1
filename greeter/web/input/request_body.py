"""The bodies of requests: complete, well-formed, and with their files on the disk from the first byte."""

import io
from collections.abc import Collection
from functools import cached_property
from typing import IO, Any, BinaryIO, TypeAlias, cast
from wsgiref.types import WSGIEnvironment

from flask import Flask, Request
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.exceptions import BadRequest
from werkzeug.formparser import FormDataParser

from greeter.toolkit.upload import Upload
from greeter.web.input.multipart import MultipartReader
from greeter.web.input.uploads import RequestUploads
from greeter.web.input.urlencoded import pairs
from greeter.web.limits import client_address
from greeter.web.services import services


def init_app(app: Flask) -> None:
    """Check the bodies of all requests to the app."""
    app.request_class = UploadRequest


_Parsed: TypeAlias = tuple[IO[bytes], MultiDict[str, str], MultiDict[str, FileStorage]]
_READ_FACTOR = 10  # a form may have this many times its limit and is still read, so that it can be shown again


class UploadStream(io.RawIOBase):
    """Writes the content of a file to the disk. When that fails, the rest of the request is still read.

    A file for which there is no room is emptied, so that files after it may still be stored.

    Attributes:
        upload: The upload, or None if no file was chosen: then browsers send one without a name and content.
    """

    def __init__(self, uploads: RequestUploads, name: str) -> None:
        self.upload: Upload | None = None
        self._uploads, self._name = uploads, name
        self._file: BinaryIO | None = None

    def write(self, data: Any) -> int:
        """Write the next part."""
        try:
            if self.upload is None and (data or self._name):
                self.upload = self._uploads.create(self._name)
                self._file = self.upload.create()
            if self._file and self.upload and not self.upload.error:
                self._write(self._file, self.upload, data)
        except OSError as error:
            if self.upload:
                self.upload.error = error
        return len(data)

    def _write(self, file: BinaryIO, upload: Upload, data: bytes) -> None:
        upload.size += len(data)
        if not upload.is_dropped and len(data) <= self._uploads.room:
            file.write(data)
            self._uploads.room -= len(data)
        elif not upload.is_dropped:
            upload.is_dropped = True
            file.truncate(0)
            self._uploads.room += upload.size - len(data)

    def close(self) -> None:
        """Close the file."""
        super().close()
        try:
            if self._file:
                self._file.close()
        except OSError as error:
            if self.upload:
                self.upload.error = error


class _FormParser(FormDataParser):
    """Refuses a malformed form, which Werkzeug would take for an empty one."""

    def __init__(self, reader: MultipartReader) -> None:
        super().__init__()
        self._reader = reader

    def parse(
        self, stream: IO[bytes], mimetype: str, content_length: int | None, options: dict[str, str] | None = None
    ) -> _Parsed:
        try:
            if mimetype == "application/x-www-form-urlencoded":
                return stream, MultiDict(pairs(stream.read())), MultiDict()
            if mimetype == "multipart/form-data":
                boundary = (options or {}).get("boundary", "").encode("ascii")
                return stream, *self._reader.read(stream, boundary)
        except ValueError as error:
            raise BadRequest from error
        return stream, MultiDict(), MultiDict()


class UploadRequest(Request):
    """A request whose files are on the disk."""

    _long_texts: Collection[str] = ()

    def __init__(self, environ: WSGIEnvironment, *args: bool, **kwargs: bool) -> None:
        # gunicorn ends the body where the connection ends. Without its promise, Werkzeug compares the two lengths.
        if environ.get("CONTENT_LENGTH"):
            environ.pop("wsgi.input_terminated", None)
        if environ.get("HTTP_IF_MATCH") == "*":  # any content will do (RFC 9110), where Werkzeug answers 412
            del environ["HTTP_IF_MATCH"]
        super().__init__(environ, *args, **kwargs)

    @cached_property
    def uploads(self) -> RequestUploads:
        """The files of this request."""
        return RequestUploads(services(), client_address())

    def limit_files(self, most: int, long_texts: Collection[str]) -> None:
        """Store at most this many bytes of files, but read more, so that the form can be shown with its other fields.

        A browser that is refused while it still sends a file shows an error of its own, so the rest has to be read
        anyway. `long_texts` are the fields whose text is stored as a file if it is too long for the memory.
        """
        has_files = self.mimetype == "multipart/form-data"
        self.max_content_length = _READ_FACTOR * most if has_files else most
        self.uploads.room = most
        self._long_texts = long_texts

    def make_form_data_parser(self) -> FormDataParser:
        """Create the parser of this request."""
        return _FormParser(
            MultipartReader(
                open_file=lambda name: cast(IO[bytes], UploadStream(self.uploads, name)),
                long_texts=self._long_texts,
                room=self.max_form_memory_size or 0,
                max_parts=self.max_form_parts or 0,
            )
        )

    def close(self) -> None:
        """Remove the files that no form refers to."""
        super().close()
        if "uploads" in self.__dict__:
            self.uploads.close()
