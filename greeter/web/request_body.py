"""The bodies of requests: complete, well-formed, and with their files on the disk from the first byte."""

from __future__ import annotations

import io
from functools import cached_property
from typing import IO, Any, BinaryIO, cast

from flask import Flask, Request
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from greeter.toolkit.upload import Upload
from greeter.web.services import services
from greeter.web.uploads import RequestUploads


def init_app(app: Flask) -> None:
    """Check the bodies of all requests to the app."""
    app.request_class = UploadRequest


_READ_FACTOR = 10  # a form may have this many times its limit and is still read, so that it can be shown again

_PARSER_BUFFER = 128 * 1024  # bytes that the parser has read, but may not have written to a file yet


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
        self._uploads.bytes_in_files += len(data)
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

    def seek(self, offset: int, whence: int = 0) -> int:
        """End the file: the parser of the form calls this after the last part."""
        try:
            if self._file:
                self._file.close()
        except OSError as error:
            if self.upload:
                self.upload.error = error
        return 0

    def close(self) -> None:
        """Close the file."""
        self.seek(0)
        super().close()


class _Body:
    """The body of a form whose files may be larger than its limit. Everything else is in memory, and has the limit."""

    def __init__(self, stream: IO[bytes], uploads: RequestUploads, most: int) -> None:
        self._stream, self._uploads, self._most, self._read = stream, uploads, most, 0

    def read(self, size: int = -1) -> bytes:
        """Read a part of the body."""
        data = self._stream.read(size)
        self._read += len(data)
        if self._read - self._uploads.bytes_in_files > self._most + _PARSER_BUFFER:
            raise RequestEntityTooLarge
        return data


class _FormParser(FormDataParser):
    """Refuses a malformed form, which Werkzeug would take for an empty one."""

    def parse(self, *args: Any, **kwargs: Any) -> Any:
        self.silent = False
        try:
            return super().parse(*args, **kwargs)
        except ValueError as error:
            raise BadRequest from error


class UploadRequest(Request):
    """A request whose files are on the disk."""

    form_data_parser_class = _FormParser
    _most_in_memory: int | None = None

    def __init__(self, environ: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        # gunicorn ends the body where the connection ends. Without its promise, Werkzeug compares the two lengths.
        if environ.get("CONTENT_LENGTH"):
            environ.pop("wsgi.input_terminated", None)
        super().__init__(environ, *args, **kwargs)

    @cached_property
    def uploads(self) -> RequestUploads:
        """The files of this request."""
        return RequestUploads(services())

    def limit_files(self, most: int) -> None:
        """Store at most this many bytes of files, but read more, so that the form can be shown with its other fields.

        A browser that is refused while it still sends a file shows an error of its own, so the rest has to be read
        anyway.

        Args:
            most: The limit of the submission in bytes.
        """
        has_files = self.mimetype == "multipart/form-data"
        self._most_in_memory = self.max_content_length if has_files else None
        self.max_content_length = _READ_FACTOR * most if has_files else most
        self.uploads.room = most

    def _get_stream_for_parsing(self) -> IO[bytes]:
        stream = super()._get_stream_for_parsing()
        if self._most_in_memory is None:
            return stream
        return cast(IO[bytes], _Body(stream, self.uploads, self._most_in_memory))

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        return cast(IO[bytes], UploadStream(self.uploads, filename or ""))

    def close(self) -> None:
        """Remove the files that no form refers to."""
        super().close()
        if "uploads" in self.__dict__:
            self.uploads.close()
