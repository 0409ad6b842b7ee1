"""The bodies of requests: complete, well-formed, and with their files on the disk from the first byte."""

from __future__ import annotations

import io
from functools import cached_property
from typing import IO, Any, BinaryIO, cast

from flask import Flask, Request
from werkzeug.exceptions import BadRequest
from werkzeug.formparser import FormDataParser

from greeter.toolkit.upload import Upload
from greeter.web.services import services
from greeter.web.uploads import RequestUploads


def init_app(app: Flask) -> None:
    """Check the bodies of all requests to the app."""
    app.request_class = UploadRequest


class UploadStream(io.RawIOBase):
    """Writes the content of a file to the disk. When that fails, the rest of the request is still read.

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
                self._file.write(data)
        except OSError as error:
            if self.upload:
                self.upload.error = error
        return len(data)

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

    def __init__(self, environ: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        # gunicorn ends the body where the connection ends. Without its promise, Werkzeug compares the two lengths.
        if environ.get("CONTENT_LENGTH"):
            environ.pop("wsgi.input_terminated", None)
        super().__init__(environ, *args, **kwargs)

    @cached_property
    def uploads(self) -> RequestUploads:
        """The files of this request."""
        return RequestUploads(services())

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
