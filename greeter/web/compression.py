"""Compression of pages, static files and downloads."""

from flask import Flask, Response
from flask_compress import Compress


def init_app(app: Flask) -> None:
    """Compress responses for browsers that accept it."""
    Compress(app)
    app.after_request(_close_file)  # runs before Compress, because Flask runs the last function first


def _close_file(response: Response) -> Response:
    # Compress replaces the stream of a file with its own and does not close the original.
    if close := getattr(response.response, "close", None):
        response.call_on_close(close)
    return response
