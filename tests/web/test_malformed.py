"""Requests that gunicorn cannot parse, sent to the real server as bytes."""

from __future__ import annotations

import json
import socket

import pytest

from tests.conftest import PATIENCE, Installation, wait_for

pytestmark = pytest.mark.slow

BODY = b"Content-Type: application/json\r\n"
HEADS = {
    "no method": (400, b"%s HTTP/1.1\r\n\r\n"),
    "no version": (400, b"GET %s\r\n\r\n"),
    "another protocol": (400, b"GET %s HTTQ/1.1\r\n\r\n"),
    "letters in the address": (400, b"GET %s\xff HTTP/1.1\r\n\r\n"),
    "no host": (400, b"GET %s HTTP/1.1\r\nAccept: */*\r\n\r\n"),
    "long address": (414, b"GET %s?" + b"a" * 5000 + b" HTTP/1.1\r\n\r\n"),
    "long header": (431, b"GET %s HTTP/1.1\r\nX-Long: " + b"a" * 9000 + b"\r\n\r\n"),
    "many headers": (431, b"GET %s HTTP/1.1\r\n" + b"X-A: a\r\n" * 60 + b"\r\n"),
    "no end": (431, b"GET %s HTTP/1.1\r\n" + b"X-A: a\r\n" * 20_000),
    "no header": (400, b"GET %s HTTP/1.1\r\nA header\r\n\r\n"),
    "two hosts": (400, b"GET %s HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
    "expectation": (417, b"POST %s HTTP/1.1\r\nExpect: more\r\n" + BODY + b"\r\n"),
    "length": (400, b"POST %s HTTP/1.1\r\nContent-Length: -1\r\n" + BODY + b"\r\n{}"),
    "coding": (501, b"POST %s HTTP/1.1\r\nTransfer-Encoding: other\r\n" + BODY + b"\r\n{}"),
    "compression": (
        501,
        b"POST %s HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n" + BODY + b"\r\n2\r\n{}\r\n0\r\n\r\n",
    ),
}


def send(installation: Installation, *requests: bytes) -> tuple[str, dict[str, str], bytes]:
    """Send bytes until the server ends the connection, and return the status, the headers and the body."""
    with socket.create_connection(("127.0.0.1", installation.settings.web_port), timeout=PATIENCE) as connection:
        connection.sendall(b"".join(requests))
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    return status, dict(line.lower().split(": ", 1) for line in lines), body


@pytest.mark.parametrize(("status", "request_"), HEADS.values(), ids=HEADS)
def test_what_gunicorn_cannot_parse_is_answered_like_other_errors(
    installation: Installation, status: int, request_: bytes
) -> None:
    """In the API, with a problem whose reference is in the log; otherwise with a text. Both say what to do."""
    line, headers, body = send(installation, request_ % b"/help")
    assert line.startswith(f"HTTP/1.1 {status} ")
    assert (headers["content-type"], headers["connection"]) == ("text/plain; charset=utf-8", "close")
    assert int(headers["content-length"]) == len(body)
    assert body.count(b". ") >= 1
    assert body.endswith(b".\n")
    line, headers, body = send(installation, request_ % b"/api/v1/processes/expensive_greet/execution")
    found = json.loads(body)
    assert line.startswith(f"HTTP/1.1 {status} ")
    assert (headers["content-type"], found["status"]) == ("application/problem+json", status)
    assert found["detail"].endswith(".")
    log = wait_for(lambda: found["reference"] in (text := installation.log.read_text()) and text)
    assert "a request is not valid HTTP: " in log


def test_a_bad_chunk_that_nothing_reads_ends_the_connection(installation: Installation) -> None:
    """The request has been answered, and is not answered again."""
    head = b"POST /no-such-page HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
    status, _, body = send(installation, head)
    assert status.startswith("HTTP/1.1 404 ")
    assert b"HTTP/1.1" not in body
