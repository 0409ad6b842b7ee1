"""What gunicorn's workers send for a response. Each message of the socket is what one call has sent."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from gunicorn.config import Config
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader
from gunicorn.workers.gthread import TConn

from greeter.web.server.gunicorn_response import respond

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

GET, HEAD, OLD = (f"{line}\r\n\r\n".encode() for line in ("GET / HTTP/1.1", "HEAD / HTTP/1.1", "GET / HTTP/1.0"))
LENGTH = {"Content-Length": "4"}


def sent(request: bytes, status: str, headers: dict[str, str], parts: Iterable[bytes]) -> tuple[bool, list[bytes]]:
    """Answer a request, and return whether the connection can be kept, and what each call has sent."""

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response(status, list(headers.items()))
        return parts

    with connection() as (client, conn):
        is_kept = respond(application, parsed(request, conn), conn)
        conn.sock.shutdown(socket.SHUT_WR)
        return is_kept, list(iter(lambda: client.recv(65536), b""))


@contextmanager
def connection() -> Iterator[tuple[socket.socket, TConn]]:
    """Yield the socket of a client, and what gunicorn has of its connection."""
    client, server = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with client, server:
        conn = TConn(Config(), server, ("127.0.0.1", 1), ("127.0.0.1", 2))
        server.setblocking(True)
        yield client, conn


def parsed(request: bytes, conn: TConn) -> Request:
    """Parse a request."""
    return Request(conn.cfg, IterUnreader(iter([request])), conn.client)


def test_head_and_body_are_sent_together() -> None:
    """Further parts follow as they come."""
    is_kept, (first, second) = sent(GET, "200 OK", LENGTH, [b"ab", b"", b"cd"])
    head, _, body = first.partition(b"\r\n\r\n")
    assert is_kept
    assert head.startswith(b"HTTP/1.1 200 OK\r\nServer: gunicorn\r\nDate: ")
    assert head.endswith(b" GMT\r\nConnection: keep-alive\r\nContent-Length: 4")
    assert (body, second) == (b"ab", b"cd")


def test_without_a_length_each_part_is_a_chunk() -> None:
    """A client of HTTP/1.0 knows the end by the end of the connection."""
    is_kept, messages = sent(GET, "200 OK", {}, [b"ab", b"cd"])
    assert is_kept
    assert messages[0].endswith(b"\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n")
    assert messages[1:] == [b"2\r\ncd\r\n", b"0\r\n\r\n"]
    is_kept, messages = sent(OLD, "200 OK", {}, [b"ab", b"cd"])
    assert not is_kept
    assert messages[0].endswith(b"\r\nConnection: close\r\n\r\nab")


@pytest.mark.parametrize(("request_", "status"), [(GET, "304 NOT MODIFIED"), (HEAD, "200 OK")])
def test_a_response_without_a_body_is_only_a_head(request_: bytes, status: str) -> None:
    """Whatever the application returns."""
    is_kept, (message,) = sent(request_, status, LENGTH, [b""])
    assert is_kept
    assert message.endswith(b"\r\nContent-Length: 4\r\n\r\n")


def test_an_error_within_a_response_ends_the_connection() -> None:
    """Before anything was sent, it is answered as an error."""

    def parts(*before: bytes) -> Iterator[bytes]:
        yield from before
        raise LookupError

    is_kept, messages = sent(GET, "200 OK", LENGTH, parts(b"ab"))
    assert not is_kept
    assert messages[0].endswith(b"\r\n\r\nab")
    for nothing in ([], [b""]):
        with pytest.raises(LookupError):
            sent(GET, "200 OK", LENGTH, parts(*nothing))


def test_a_file_that_is_removed_while_it_is_sent_is_one_line_of_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The client receives no last chunk, and no other response on the connection, so it knows that some is missing."""

    def parts() -> Iterator[bytes]:
        yield b"ab"
        yield (tmp_path / "removed").read_bytes()

    is_kept, messages = sent(GET, "200 OK", {}, parts())
    assert not is_kept
    assert [message.rpartition(b"\r\n\r\n")[2] for message in messages] == [b"2\r\nab\r\n"]
    (line,) = caplog.records
    assert (line.levelname, line.exc_info) == ("WARNING", None)


def test_a_repeated_request_has_the_same_environ() -> None:
    """Whatever the application did to the first."""
    found = []

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        found.append(environ.copy())
        environ.clear()
        start_response("200 OK", [("Content-Length", "0")])
        return []

    with connection() as (_, conn):
        request = parsed(GET, conn)
        assert respond(application, request, conn)
        assert respond(application, request, conn)
    assert found[0] == found[1]
    assert found[0]["REMOTE_ADDR"] == "127.0.0.1"
