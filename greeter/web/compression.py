"""Compression of pages, static files and downloads."""

from functools import partial

from flask import Flask, Response
from flask_compress import Compress

from greeter.jobs.files.media_types import TEXT_TYPES

# Answers to polls are smaller. To compress one takes half as long as everything else, and saves less than a packet.
_MIN_SIZE = 4096  # bytes


def init_app(app: Flask) -> None:
    """Compress responses for browsers that accept it."""
    app.config |= {"COMPRESS_REGISTER": False, "COMPRESS_MIN_SIZE": _MIN_SIZE}
    compress = Compress(app)
    compress.compress_mimetypes_set |= TEXT_TYPES
    app.after_request(partial(_compress, compress))


def _compress(compress: Compress, response: Response) -> Response:
    if response.status_code == 304 and "ETag" not in response.headers:
        return response  # to a poll: there is nothing to compress, and no cache that needs the header Vary
    if (response.content_length or _MIN_SIZE) < _MIN_SIZE:
        return response  # whatever the client accepts
    # Compress replaces the stream of a file with its own and does not close the original.
    if close := getattr(response.response, "close", None):
        response.call_on_close(close)
    return compress.after_request(response)
