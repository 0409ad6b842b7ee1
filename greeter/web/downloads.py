"""Send the result files of a job: for download, or for showing them in the browser."""

from __future__ import annotations

from typing import TypedDict

from flask import Response, send_from_directory, url_for
from werkzeug.utils import secure_filename

from greeter.jobs.media_types import INLINE
from greeter.jobs.record import Record
from greeter.jobs.result_files import ResultFile
from greeter.jobs.samples import PREFIX

_LONGEST_PREFIX = 40  # characters
# An SVG image that is opened by itself is a page. This one runs no scripts, loads nothing and has no access to the
# site, but figures need their own styles. A PDF has no access to the site in any browser, and a sandbox would keep
# Safari from showing some (adobe/aem-core-wcm-components#2839).
_SVG_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'none'; sandbox"
)


class Download(TypedDict):
    """A result file for scripts.

    Attributes:
        name: Its name.
        url: Its URL.
        about: A sentence about it; may be empty.
        bytes: Its size.
        media_type: Its media type.
    """

    name: str
    url: str
    about: str
    bytes: int
    media_type: str


def describe(file: ResultFile, record: Record) -> Download:
    """Describe a result file for scripts."""
    return {
        "name": file.name,
        "url": url_for("jobs.file", job_id=record.id, name=file.name, _external=True),
        "about": file.about,
        "bytes": file.size,
        "media_type": file.media_type,
    }


def send(file: ResultFile, record: Record, *, inline: bool) -> Response:
    """Send a result file.

    Args:
        file: The file.
        record: The record of its job.
        inline: Whether to let the browser show it, if it is an image or a PDF. Other files are always downloaded.

    Returns:
        The response.
    """
    media_type = file.media_type
    response = send_from_directory(
        file.path.parent,
        file.name,
        as_attachment=not (inline and media_type in INLINE),
        mimetype=media_type,
        download_name=f"{_prefix(record)}-{file.name}",
    )
    if media_type == "image/svg+xml":
        response.headers["Content-Security-Policy"] = _SVG_POLICY
    return response


def _prefix(record: Record) -> str:
    """Return what the names of a job's downloads start with: the user's label, or something short instead."""
    if record.id.startswith(PREFIX):
        return record.id
    return secure_filename(record.label)[:_LONGEST_PREFIX] or record.reference
