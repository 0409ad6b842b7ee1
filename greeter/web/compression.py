"""Pages, static files and downloads travel compressed."""

from flask import Flask, Response
from flask_compress import Compress


def init_app(app: Flask) -> None:
    """Compress what a browser wants compressed."""
    Compress(app)
    app.after_request(_close_the_file)  # called before Compress, for the last one registered is the first


def _close_the_file(response: Response) -> Response:
    # Compress puts its own stream in the place of a file's, and does not close that.
    if close := getattr(response.response, "close", None):
        response.call_on_close(close)
    return response
