"""The polls of pages, which a gunicorn worker answers together."""

from __future__ import annotations

import select
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from greeter.web.gunicorn_client import Client

_PERIOD = 0.2  # seconds
_TURN = 0.2  # seconds that a thread may answer polls before it answers other requests
_WARM = 0.001  # seconds in which the caches keep what a poll needs
_BUSY = 1  # seconds in which a process that polls keep busy does not let them wait


class Polls:
    """Two sets of connections: those that poll, which are reported at the end of a period, and all others.

    A request that arrives alone takes several times as long as one that follows another, because the caches of the
    processor have been used for something else. Nobody notices 0.2 seconds in what a page requests each second. If a
    client sends another request on a connection that polled last, that one waits too, but none after it.
    """

    def __init__(self, requests: select.epoll) -> None:
        """Report the polls to the threads that wait for these requests."""
        self._requests = requests
        self._polls = select.epoll()
        self._answered = 0.0  # when the last poll was
        self._busy_until = 0.0
        requests.register(self._polls, select.EPOLLIN | select.EPOLLONESHOT)

    def wait(self, client: Client, event: int) -> None:
        """Report an event of a client once."""
        descriptor, events = client.conn.sock.fileno(), event | select.EPOLLONESHOT
        right = self._polls if client.is_polling and time.monotonic() > self._busy_until else self._requests
        if client.is_in is right:
            right.modify(descriptor, events)
        else:
            client.is_in.unregister(descriptor)
            client.is_in = right
            right.register(descriptor, events)

    def ready(self, descriptor: int) -> Iterator[int]:
        """Yield the descriptors of the connections for which one was reported."""
        if descriptor != self._polls.fileno():
            yield descriptor
            return
        if time.monotonic() - self._answered > _WARM:
            time.sleep(_PERIOD - time.monotonic() % _PERIOD)
        end = time.monotonic() + _TURN
        events = self._polls.poll(0, 1)
        # If there are more, another thread waits for the end of the next period, and answers those that are left then.
        self._requests.modify(self._polls, select.EPOLLIN | select.EPOLLONESHOT)
        while events:
            yield events[0][0]
            self._answered = time.monotonic()
            if self._answered > end:  # they arrive as fast as they are answered
                self._busy_until = end + _BUSY
                return
            events = self._polls.poll(0, 1)


def polls(client: Client) -> bool:
    """Note that a request of a client was answered, and return whether its connection carries polls, and nothing else.

    A proxy may send the requests of many pages on one connection, and those that are no polls should not wait.
    """
    is_poll = client.conn.parser.is_poll  # type: ignore[union-attr]
    client.is_shared |= client.has_polled and not is_poll
    client.has_polled |= is_poll
    return is_poll and not client.is_shared
