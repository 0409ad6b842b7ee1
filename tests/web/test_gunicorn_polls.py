"""How a gunicorn worker waits for the polls of pages, with real sockets."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from gunicorn.config import Config
from gunicorn.workers.gthread import TConn

from greeter.web.server import gunicorn_polls
from greeter.web.server.gunicorn_client import Client
from greeter.web.server.gunicorn_polls import Polls, polls
from greeter.web.server.malformed import Parser
from tests.conftest import PATIENCE

pytestmark = pytest.mark.skipif(not hasattr(select, "epoll"), reason="only Linux has epoll")

PAGE = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
POLL = b"GET / HTTP/1.1\r\nHost: localhost\r\nhx-ptag: 1\r\n\r\n"
FORWARDED = POLL.replace(b"\r\n\r\n", b"\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n")
SLOW = b"POST / HTTP/1.1\r\nHost: localhost\r\nhx-ptag: 1\r\nContent-Length: 9\r\n\r\n"


@pytest.fixture(autouse=True)
def _slow_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a thread answer polls for as long as it takes."""
    monkeypatch.setattr(gunicorn_polls, "_TURN", PATIENCE)


class Connection:
    """A connection that the worker waits for."""

    def __init__(self, requests: select.epoll, stack: ExitStack) -> None:
        self.browser, server = socket.socketpair()
        stack.enter_context(self.browser)
        conn = TConn(Config(), stack.enter_context(server), ("127.0.0.1", 1), ("127.0.0.1", 2))
        server.setblocking(True)
        conn.parser = Parser(conn.cfg, server, conn.client)
        self.client = Client(conn, 0, requests)
        self.descriptor = server.fileno()
        requests.register(server, select.EPOLLONESHOT)

    def answer(self, request: bytes, seconds: float = 1) -> bool:
        """Take a request, so many seconds after the last one, and return whether the next one counts as a poll."""
        self.browser.sendall(request)
        assert self.client.receive()
        next(self.client.conn.parser)  # type: ignore[arg-type]
        self.client.answered = time.monotonic() - seconds
        self.client.is_polling = polls(self.client)
        return self.client.is_polling


@contextmanager
def waiting(number: int, request: bytes) -> Iterator[tuple[select.epoll, Polls, list[Connection]]]:
    """Yield the set of all requests, with connections that have sent such a request twice, and the second is unread."""
    with ExitStack() as stack:
        requests = stack.enter_context(select.epoll())
        sets = Polls(requests)
        connections = [Connection(requests, stack) for _ in range(number)]
        for connection in connections:
            connection.answer(request)
            sets.wait(connection.client, select.EPOLLIN)
        for connection in connections:
            connection.browser.sendall(request)
        yield requests, sets, connections


def reported(requests: select.epoll) -> list[int]:
    """Return the descriptors that are reported now, or if there are none, next."""
    return [descriptor for descriptor, _ in requests.poll(10)]


def test_polls_are_reported_together() -> None:
    """One thread answers those of a period, and only once."""
    with waiting(3, POLL) as (requests, sets, connections):
        (descriptor,) = reported(requests)
        assert set(sets.ready(descriptor)) == {connection.descriptor for connection in connections}
        assert not requests.poll(0)


def test_a_poll_that_takes_long_delays_no_others() -> None:
    """While one thread is busy with it, the next one gets the others."""
    with waiting(3, POLL) as (requests, sets, connections):
        first = next(sets.ready(reported(requests)[0]))
        (descriptor,) = reported(requests)
        assert {first, *sets.ready(descriptor)} == {connection.descriptor for connection in connections}


def test_polls_that_take_long_delay_no_other_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """When its turn is over, a thread leaves the other polls to the next one."""
    monkeypatch.setattr(gunicorn_polls, "_TURN", 0)
    with waiting(3, POLL) as (requests, sets, connections):
        turns = [list(sets.ready(reported(requests)[0])) for _ in connections]
        assert sorted(turns) == sorted([connection.descriptor] for connection in connections)


def test_other_requests_do_not_wait_for_polls() -> None:
    """Each one is reported by itself."""
    with waiting(3, PAGE) as (requests, sets, connections):
        descriptors = reported(requests)
        assert set(descriptors) == {connection.descriptor for connection in connections}
        assert [list(sets.ready(descriptor)) for descriptor in descriptors] == [[one] for one in descriptors]


def test_a_connection_moves_between_the_sets() -> None:
    """A browser may send a request for a page on the connection of its polls."""
    with waiting(1, POLL) as (requests, sets, (connection,)):
        for request in (PAGE, POLL, PAGE):
            (descriptor,) = reported(requests)
            assert list(sets.ready(descriptor)) == [connection.descriptor]
            connection.client.receive()
            next(connection.client.conn.parser)  # type: ignore[arg-type]
            is_polling = connection.answer(request)
            assert is_polling == (request == POLL)
            sets.wait(connection.client, select.EPOLLIN)
            connection.browser.sendall(POLL)
        assert reported(requests) == [connection.descriptor]


def test_a_page_polls_each_second() -> None:
    """A script polls faster, and a browser sends other requests on the connection too."""
    with waiting(0, PAGE) as (requests, _, _), ExitStack() as stack:
        connection = Connection(requests, stack)
        assert not connection.answer(PAGE)
        assert connection.answer(POLL)
        assert not connection.answer(POLL, seconds=0.1)
        assert not connection.answer(PAGE)
        assert connection.answer(POLL)
        assert not connection.answer(SLOW)


def test_a_proxy_may_keep_a_connection_for_polls_alone() -> None:
    """Those of many pages may follow each other at once. After anything else, they do not wait for each other."""
    with waiting(0, PAGE) as (requests, _, _), ExitStack() as stack:
        connection = Connection(requests, stack)
        assert [connection.answer(FORWARDED, seconds) for seconds in (0, 0.1, 1)] == [True, True, True]
        assert not connection.answer(PAGE)
        assert not connection.answer(FORWARDED, seconds=0.1)
