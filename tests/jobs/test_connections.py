"""The connections for the scripts, to a real Redis."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from greeter.jobs.records.connections import Connections
from tests.conftest import PATIENCE, Installation

pytestmark = pytest.mark.redis


@pytest.fixture
def connections(with_redis: Installation) -> Connections:
    """No connection yet."""
    return Connections(with_redis.redis.connection_pool)


def test_one_connection_serves_many_calls_also_after_a_refused_one(connections: Connections) -> None:
    """A refusal is a reply."""
    first = connections.call("CLIENT", "ID")
    with pytest.raises(redis.ResponseError, match="unknown command"):
        connections.call("NO-SUCH-COMMAND")

    assert connections.call("CLIENT", "ID") == first


def test_connections_that_redis_has_closed_are_replaced(connections: Connections, with_redis: Installation) -> None:
    """All of them, after a single retry each."""
    with ThreadPoolExecutor(4) as threads:  # four connections at once
        list(threads.map(lambda _: connections.call("BLPOP", "nothing", 0.2), range(4)))
    with_redis.redis.client_kill_filter(_type="normal", skipme=False)

    assert [connections.call("ECHO", str(number)) for number in range(8)] == [b"%d" % number for number in range(8)]


def test_each_thread_gets_its_own_replies(connections: Connections) -> None:
    """Threads never share a connection."""
    with ThreadPoolExecutor(16) as threads:
        replies = threads.map(lambda number: connections.call("ECHO", str(number)), range(2000))

    assert list(replies) == [b"%d" % number for number in range(2000)]


def test_a_reply_that_came_too_late_is_not_taken_for_the_next_one(
    connections: Connections, with_redis: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a time-out the connection is closed."""
    monkeypatch.setitem(with_redis.redis.connection_pool.connection_kwargs, "socket_timeout", 0.5)
    with pytest.raises(redis.TimeoutError):
        connections.call("BLPOP", "late", PATIENCE)

    with_redis.redis.rpush("late", "reply")
    assert connections.call("ECHO", "next") == b"next"


def test_a_reply_whose_wait_was_interrupted_is_not_taken_for_the_next_one(
    connections: Connections, with_redis: Installation
) -> None:
    """A time limit interrupts the process of a job at any time."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    def call() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        connections.call("BLPOP", "late", PATIENCE)

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            call()
    finally:
        signal.signal(signal.SIGALRM, before)

    with_redis.redis.rpush("late", "reply")
    assert connections.call("ECHO", "next") == b"next"


def test_a_forked_process_has_connections_of_its_own(connections: Connections) -> None:
    """Web and worker fork after they have used Redis."""
    ours = connections.call("CLIENT", "ID")
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.write(writer, b"%d" % connections.call("CLIENT", "ID"))
        os._exit(0)

    assert int(os.read(reader, 99)) != ours
    os.wait()
    assert connections.call("CLIENT", "ID") == ours


def test_without_redis_there_is_an_error_and_later_a_reply(own_installation: Installation) -> None:
    """The same connection connects again."""
    own_installation.start("redis")
    connections = Connections(own_installation.redis.connection_pool)
    connections.call("PING")
    own_installation.stop("redis")
    with pytest.raises(redis.ConnectionError):
        connections.call("PING")

    own_installation.start("redis")
    assert connections.call("ECHO", "back") == b"back"
