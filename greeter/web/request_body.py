"""The bodies of requests: complete, well-formed, and read into memory."""

from __future__ import annotations

from io import BytesIO
from typing import IO, Any

from flask import Flask, Request
from werkzeug.exceptions import BadRequest
from werkzeug.formparser import FormDataParser


def init_app(app: Flask) -> None:
    """Check the bodies of all requests to the app."""
    app.request_class = _Request


class _FormParser(FormDataParser):
    """Refuses a malformed form, which Werkzeug would take for an empty one."""

    def parse(self, *args: Any, **kwargs: Any) -> Any:
        self.silent = False
        try:
            return super().parse(*args, **kwargs)
        except ValueError as error:
            raise BadRequest from error


class _Request(Request):
    form_data_parser_class = _FormParser

    def __init__(self, environ: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        # gunicorn ends the body where the connection ends. Without its promise, Werkzeug compares the two lengths.
        if environ.get("CONTENT_LENGTH"):
            environ.pop("wsgi.input_terminated", None)
        super().__init__(environ, *args, **kwargs)

    def _get_file_stream(self, *args: Any, **kwargs: Any) -> IO[bytes]:
        # A temporary file would need disk space, and a field reads its file into memory anyway.
        return BytesIO()
