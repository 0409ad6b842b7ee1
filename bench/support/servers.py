"""Web servers in addition to that of an installation, with the same configuration of gunicorn."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.client import HTTPConnection
from pathlib import Path

from tests.conftest import ROOT, Installation, free_port, listens, wait_for

CONNECTIONS = 32


@contextmanager
def server(installation: Installation, application: str, options: str = "") -> Iterator[int]:
    """Serve an application with gunicorn.conf.py and the settings of an installation; yield the port.

    Args:
        installation: The installation.
        application: The application, as gunicorn takes it.
        options: More options of gunicorn.
    """
    port = free_port()
    environ = os.environ | installation.environ | {"WEB_PORT": str(port), "GUNICORN_CMD_ARGS": options}
    command = [sys.executable, "-m", "gunicorn", application]
    with installation.log.open("ab") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=log, stderr=log)
    try:
        wait_for(partial(listens, port))
        yield port
    finally:
        process.terminate()
        process.wait()


def status_and_headers(port: int, path: str, **headers: str) -> tuple[int, dict[str, str]]:
    """Send one request, and return the status and the headers of the response."""
    connection = HTTPConnection("127.0.0.1", port, 30)
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status, dict(response.headers)


def requests_per_second(port: int, seconds: float, script: str) -> float:
    """Measure how many requests a second a server answers to wrk, with CONNECTIONS at once.

    Args:
        port: The port of the server.
        seconds: How long to measure.
        script: A script for wrk, in Lua.

    Returns:
        The requests per second.
    """
    wrk = shutil.which("wrk") or sys.exit("no wrk: install Debian's package wrk")
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        Path(file.name).write_text(script)
        command = [wrk, "-t1", f"-c{CONNECTIONS}", f"-d{seconds:.0f}s", "-s", file.name, f"http://127.0.0.1:{port}/"]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if errors := re.search("Non-2xx.*", output):
        sys.exit(errors[0])
    found = re.search(r"Requests/sec: +([\d.]+)", output)
    return float(found[1]) if found else 0.0
