"""Requests over HTTP to the web server of an installation."""

from collections.abc import Iterable
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from urllib.parse import urlencode

from tests.conftest import PATIENCE, Installation, wait_for


class Response:
    """A response, received completely."""

    def __init__(self, response: HTTPResponse, raw: bytes) -> None:
        self.status, self.headers, self.raw = response.status, response.headers, raw

    @property
    def body(self) -> str:
        """The body as text."""
        return self.raw.decode()


def fetch(
    installation: Installation,
    path: str,
    method: str = "GET",
    body: str | bytes | Iterable[bytes] | None = None,
    **headers: str,
) -> Response:
    """Send one request to the web server of an installation, on a connection of its own.

    A body that is an iterable is sent in chunks.
    """
    connection = HTTPConnection("127.0.0.1", installation.settings.web_port, timeout=PATIENCE)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return Response(response, response.read())
    finally:
        connection.close()


def post(installation: Installation, path: str, **fields: str) -> Response:
    """Send a form and return the response."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return fetch(installation, path, "POST", urlencode(fields), **form)


def submit(installation: Installation, tool: str, **fields: str) -> str:
    """Submit the form of a tool, which has to be accepted, and return the path of the job's page."""
    answer = post(installation, f"/tools/{tool}", **fields)
    assert answer.status == 303, answer.body
    return str(answer.headers["Location"])


def wait_for_end(installation: Installation, job: str) -> str:
    """Wait until the job with this path has ended, and return its fragment as the last poll receives it."""

    def last() -> str:
        answer = fetch(installation, job + "/progress")
        return answer.body if answer.status == 200 and 'hx-trigger="every' not in answer.body else ""

    return wait_for(last)


def go_on(installation: Installation, job: str) -> None:
    """Let a job go on that waits for it, of a tool in tests/zoo/running.py.

    Args:
        installation: The installation.
        job: The path of the job's page, or its id.
    """
    job_id = job.rpartition("/")[2]
    attempt = installation.store.files.attempt(job_id, installation.store.find(job_id).attempt)
    Path(attempt, "outputs", "go").touch()
