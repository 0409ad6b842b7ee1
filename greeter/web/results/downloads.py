"""Send the result files of a job: one for download or for showing it in the browser, or many as a ZIP archive."""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import IO, TypedDict
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from flask import Response, request, send_from_directory, url_for
from werkzeug.utils import secure_filename

from greeter.jobs.files.media_types import INLINE, Kind, kind_of
from greeter.jobs.files.result_files import ResultFile
from greeter.jobs.record import Record
from greeter.jobs.records.samples import PREFIX

_CHUNK = 256 * 1024  # bytes
_LONGEST_PREFIX = 40  # characters
# An SVG image that is opened by itself is a page. This one runs no scripts, loads nothing and has no access to the
# site, but figures need their own styles. A PDF has no access to the site in any browser, and a sandbox would keep
# Safari from showing some (adobe/aem-core-wcm-components#2839).
_SVG_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'none'; sandbox"
)


@dataclass
class Entry:
    """A file of a ZIP archive, which is measured while it is read."""

    path: str  # its path in the archive
    media_type: str  # its media type, which decides whether it is compressed
    file: IO[bytes]  # the open file
    size: int = 0  # in bytes, once it was read
    sum: str = ""  # its SHA-256, once it was read


class Download(TypedDict):
    """A result file for scripts."""

    name: str
    url: str
    about: str  # a sentence about it; may be empty
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
    """Send a result file of a job. With `inline`, a browser may show it, if it is an image or a PDF."""
    media_type = file.media_type
    if (parts := request.range) and (parts.units != "bytes" or len(parts.ranges) > 1):
        del request.environ["HTTP_RANGE"]  # to be ignored (RFC 9110), where Werkzeug answers 416
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


def name(response: Response, name: str, record: Record) -> Response:
    """Make a response a download with this name, after the label of its job."""
    response.headers.set("Content-Disposition", "attachment", filename=f"{_prefix(record)}-{name}")
    return response


def send_zip(entries: Iterable[Entry], record: Record) -> Response:
    """Send a ZIP archive of files of a job, which is made while it is sent."""
    response = Response(zip_stream(entries, record.times["ended"]), mimetype="application/zip")
    response.headers.set("Content-Disposition", "attachment", filename=f"{_prefix(record)}.zip")
    return response


def zip_stream(entries: Iterable[Entry], modified: datetime) -> Iterator[bytes]:
    """Yield a ZIP archive in small pieces, without a copy in memory or on disk.

    Each file is read before the next one is requested. All of them have the time `modified`.
    """
    sink = _Sink()
    with ZipFile(sink, "w") as archive:
        for entry in entries:
            info = ZipInfo(entry.path, modified.timetuple()[:6])
            info.compress_type = ZIP_STORED if kind_of(entry.media_type) in (Kind.NONE, Kind.IMAGE) else ZIP_DEFLATED
            digest = sha256()
            with archive.open(info, "w", force_zip64=True) as target:
                while chunk := entry.file.read(_CHUNK):
                    digest.update(chunk)
                    target.write(chunk)
                    yield sink.take()
            entry.size, entry.sum = info.file_size, digest.hexdigest()
    yield sink.take()


class _Sink(io.RawIOBase):
    """A file that cannot seek, and whose content can be taken out while it is written."""

    def __init__(self) -> None:
        self._content = bytearray()

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._content += data
        return len(data)

    def take(self) -> bytes:
        """Return what was written since the last call."""
        content = bytes(self._content)
        self._content.clear()
        return content


def _prefix(record: Record) -> str:
    """Return what the names of a job's downloads start with: the user's label, or something short instead."""
    if record.id.startswith(PREFIX):
        return record.id
    return secure_filename(record.label)[:_LONGEST_PREFIX] or record.reference
