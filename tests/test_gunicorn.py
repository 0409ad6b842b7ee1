"""gunicorn, as the Procfile starts it, with slow and hostile clients."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.conftest import Installation
from tests.http import fetch

pytestmark = pytest.mark.slow

HALF_A_HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
HALF_A_BODY = (
    b"POST /tools/expensive_greet HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n\r\nperson=Ada&"
)


@contextmanager
def half_sent(installation: Installation, request: bytes, number: int) -> Iterator[None]:
    """Keep a number of clients connected that have sent half a request, and a byte more a second later."""
    address = ("127.0.0.1", installation.settings.web_port)
    with ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection(address)) for _ in range(number)]
        for client in clients:
            client.sendall(request)
        time.sleep(1)
        for client in clients:
            client.sendall(b"a")
        yield


@pytest.mark.parametrize("request_so_far", [HALF_A_HEAD, HALF_A_BODY, b""], ids=["head", "body", "nothing"])
def test_slow_clients_do_not_delay_others(installation: Installation, request_so_far: bytes) -> None:
    """While twelve slow clients are connected, every other request is answered within a second."""
    with half_sent(installation, request_so_far, 12):
        for _ in range(20):
            began = time.monotonic()
            assert fetch(installation, "/tools/expensive_greet").status == 200
            assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/" + "a" * 5000, {}),
        ("/", {"X-Long": "a" * 9000}),
        ("/", {f"X-{number}": "a" for number in range(60)}),
    ],
    ids=["line", "field", "fields"],
)
def test_too_large_a_request_head_is_refused(installation: Installation, path: str, headers: dict[str, str]) -> None:
    """gunicorn refuses a long request line, a long header and many headers before the application is called."""
    assert fetch(installation, path, **headers).status in (400, 414, 431)


def test_without_a_proxy_forwarded_headers_are_ignored(installation: Installation) -> None:
    """Neither gunicorn, which by default trusts clients on this machine, nor the application uses them."""
    forged = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9", "SCRIPT_NAME": "/evil"}
    answer = fetch(installation, "/", **forged)
    assert "Strict-Transport-Security" not in answer.headers
    assert "evil" not in answer.body


def test_replacing_a_worker_fails_no_request(own_installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """gunicorn replaces a worker after max_requests, here set low, and every request still succeeds."""
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--max-requests 20 --max-requests-jitter 5")
    own_installation.start("web")
    assert [fetch(own_installation, "/").status for _ in range(200)] == [200] * 200
    assert own_installation.log.read_text().count("Autorestarting worker") > 2
