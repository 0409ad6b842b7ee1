"""Benchmark of the memory that a web process needs for an upload, on the disk as it arrives and held in memory.

    python -m bench.upload [MEGABYTES]

Starts its own Redis and gunicorn for each measurement, in a folder that it removes. The default is 200 MB.
"""

import io
import os
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
from flask import Flask

from greeter import create_app
from greeter.web.input import request_body
from tests.conftest import PROCFILE, Installation, wait_for
from tests.http import fetch

RECORD = b">protein%09d\n" + b"MKVLAWTRHEDCQNGFPSIYMKVLAWTRHEDCQNGFPSIYMKVLAWTRHEDCQNGFPSIY\n" * 160  # about 10 kB
HEAD = b'--cut\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n'
LIMITS = {"max_upload_bytes": 10**9, "max_residues": 10**9, "max_records": 10**6}
KIND = {"Content-Type": "multipart/form-data; boundary=cut"}
FIELDS = {"any file": ("report", b"table", b"x.tsv"), "FASTA": ("phmmer", b"targets", b"x.fa")}


class InMemory(request_body.UploadStream):
    """Holds the whole file in memory before it is written."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._held = io.BytesIO()

    def write(self, data: Any) -> int:
        """Keep the next part."""
        return self._held.write(data)

    def close(self) -> None:
        """Write the file."""
        if not self.closed and (content := self._held.getvalue()):
            super().write(content)
        super().close()


def application() -> Flask:
    """Create the application, for the comparison with uploads in memory."""
    if "BENCH_IN_MEMORY" in os.environ:
        request_body.UploadStream = InMemory  # type: ignore[assignment,misc]
    return create_app()


def body(field: bytes, name: bytes, megabytes: int) -> Iterator[bytes]:
    """Yield a form with proteins as a file of this size, invalid in another field so that no job starts."""
    for other in (b"query", b"whole"):
        yield HEAD % (other, b"") + b"!\r\n"
    yield HEAD % (field, b'; filename="%s"' % name)
    for number in range(megabytes * 1_000_000 // len(RECORD % 0)):
        yield RECORD % number
    yield b"\r\n--cut--\r\n"


def peaks(site: Installation) -> dict[int, int]:
    """Return the largest memory that each web process has had, in bytes.

    Args:
        site: The installation, whose web is running.

    Returns:
        The bytes by the id of the process.
    """
    master = psutil.Process(site.pid("web"))
    found = wait_for(lambda: len(children := master.children()) == 2 and children)
    status = {process.pid: Path(f"/proc/{process.pid}/status").read_text() for process in found}
    return {pid: int(text.partition("VmHWM:")[2].split()[0]) * 1024 for pid, text in status.items()}


def growth(site: Installation, field: str, megabytes: int) -> int:
    """Send an upload, and return by how much the memory of the process that took it has grown.

    Args:
        site: The installation.
        field: The kind of field: a key of FIELDS.
        megabytes: The size of the file.

    Returns:
        The growth of the peak in bytes.
    """
    tool, name, filename = FIELDS[field]
    before = peaks(site)
    answer = fetch(site, f"/tools/{tool}", "POST", body(name, filename, megabytes), **KIND)
    assert answer.status == 422, answer.body
    assert f"{filename.decode()}, " in answer.body, answer.body
    return max(peak - before[pid] for pid, peak in peaks(site).items())


def main() -> None:
    """Print the growth and the time for each kind of field and each way."""
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    PROCFILE["web"] = "exec gunicorn bench.upload:application()"
    print(f"{'':12} {'':10} {'growth':>9} {'time':>7}")
    for way, more in {"on disk": {}, "in memory": {"BENCH_IN_MEMORY": "1"}}.items():
        for field in FIELDS:
            with TemporaryDirectory() as folder, closing(Installation(Path(folder), **LIMITS)) as site:
                site.more_environ["web"] = more
                site.start("redis", "web")
                began = time.perf_counter()
                grown = growth(site, field, megabytes)
                print(f"{way:12} {field:10} {grown / 1e6:6.1f} MB {time.perf_counter() - began:5.1f} s")


if __name__ == "__main__":
    main()
