"""Bodies of requests that are cut off, malformed, or too large for the disk, sent to a real gunicorn."""

import socket

import psutil
import pytest
from flask.testing import FlaskClient

from tests.conftest import PATIENCE, Installation, wait_for
from tests.http import fetch

pytestmark = pytest.mark.slow

HEAD = "POST /tools/{tool} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n{framing}\r\n\r\n"
URLENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data; boundary=cut"
FIELDS = {
    URLENCODED: b"person=Ada&total=1",
    MULTIPART: b"".join(
        b'--cut\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % field
        for field in ((b"person", b"Ada"), (b"total", b"1"))
    )
    + b"--cut--\r\n",
}


def send(installation: Installation, kind: str, framing: str, body: bytes, tool: str = "expensive_greet") -> str:
    """Send a request, close the sending side, and return the whole response."""
    with socket.create_connection(("127.0.0.1", installation.settings.web_port), timeout=PATIENCE) as connection:
        connection.sendall(HEAD.format(tool=tool, kind=kind, framing=framing).encode() + body)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode()


def chunks(body: bytes) -> bytes:
    """Return a body as one chunk, without the last one."""
    return b"%x\r\n%s\r\n" % (len(body), body)


@pytest.mark.parametrize("kind", [URLENCODED, MULTIPART])
@pytest.mark.parametrize("tool", ["expensive_greet", "nap"])
def test_a_cut_off_body_is_refused(installation: Installation, kind: str, tool: str) -> None:
    """No job is created from a part of a form, even by a tool whose form has no fields."""
    for sent in (b"", FIELDS[kind][:-1], FIELDS[kind][:10]):
        answer = send(installation, kind, f"Content-Length: {len(FIELDS[kind])}", sent, tool)
        assert answer.startswith("HTTP/1.1 400 "), answer
    assert "This request was not understood" in answer


@pytest.mark.parametrize("kind", [URLENCODED, MULTIPART])
@pytest.mark.parametrize(
    "end",
    [b"zz\r\nabc\r\n0\r\n\r\n", b"", b"0\r\n", b"5\r\nab", b"2\r\nabc\r\n0\r\n\r\n", b"0\r\n bad trailer\r\n\r\n"],
    ids=["size", "none", "half", "cut-off", "terminator", "trailer"],
)
def test_a_malformed_chunked_body_is_refused(installation: Installation, kind: str, end: bytes) -> None:
    """A bad size, terminator or trailer, and a missing end, get 400."""
    answer = send(installation, kind, "Transfer-Encoding: chunked", chunks(FIELDS[kind]) + end)
    assert answer.startswith("HTTP/1.1 400 "), answer


@pytest.mark.parametrize("kind", [URLENCODED, MULTIPART])
def test_a_complete_body_is_accepted(installation: Installation, kind: str) -> None:
    """This applies to bodies with a length, and to bodies in chunks."""
    for framing, body in (
        (f"Content-Length: {len(FIELDS[kind])}", FIELDS[kind]),
        ("Transfer-Encoding: chunked", chunks(FIELDS[kind]) + b"0\r\nSome: trailer\r\n\r\n"),
    ):
        answer = send(installation, kind, framing, body)
        assert answer.startswith("HTTP/1.1 303 "), answer


def test_a_malformed_body_that_is_too_large_is_refused(installation: Installation) -> None:
    """Reading the rest of a body that is too large does not fail either."""
    much = b"a" * 2 * installation.settings.max_upload_bytes
    answer = send(installation, URLENCODED, "Transfer-Encoding: chunked", chunks(much)[:-2] + b"no end")
    assert answer.startswith("HTTP/1.1 413 "), answer[:100]
    assert "submission is too large" in answer


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (MULTIPART, FIELDS[MULTIPART].replace(b"--cut--", b"")),
        (MULTIPART, FIELDS[MULTIPART].replace(b'; name="total"', b"")),
        (MULTIPART, b"x"),
        ("multipart/form-data", b"x"),
    ],
    ids=["no end", "no name", "no part", "no boundary"],
)
def test_a_body_that_is_no_form_is_refused(client: FlaskClient, kind: str, body: bytes) -> None:
    """It is not taken for an empty form."""
    for path in ("/tools/expensive_greet", "/api/v1/processes/expensive_greet/execution"):
        assert client.post(path, data=body, content_type=kind).status_code == 400
    assert client.post("/tools/expensive_greet", data=b"person=\xff", content_type=URLENCODED).status_code == 400


def test_an_upload_to_a_full_disk_is_refused(own_installation: Installation) -> None:
    """When no file can grow, an upload is refused with the form instead of failing with 500."""
    own_installation.start("redis", "web")
    master = psutil.Process(own_installation.pid("web"))
    for process in wait_for(lambda: len(found := master.children()) == 2 and found):
        process.rlimit(psutil.RLIMIT_FSIZE, (600_000, -1))
    file = b"\n".join(b">%d\n" % number + b"M" * 2000 for number in range(900))
    part = b'--cut\r\nContent-Disposition: form-data; name="query"; filename="q.fa"\r\n\r\n%s\r\n' % file
    evalue = b'--cut\r\nContent-Disposition: form-data; name="evalue"\r\n\r\n10\r\n--cut--\r\n'
    answer = fetch(own_installation, "/tools/phmmer", "POST", part + evalue, **{"Content-Type": MULTIPART})
    assert answer.status == 503
    assert "not enough disk space" in answer.body
    assert answer.headers["Retry-After"]
