"""The polls of pages, which a gunicorn worker answers together."""

import select
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from greeter.web.server.gunicorn_client import Client
    from greeter.web.server.malformed import Parser

_PERIOD = 0.2  # seconds
_TURN = 0.2  # seconds that a thread may answer polls before it answers other requests
_GAP = 0.5  # seconds between two polls of a page, at least


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
        requests.register(self._polls, select.EPOLLIN | select.EPOLLONESHOT)

    def wait(self, client: "Client", event: int) -> None:
        """Report an event of a client once."""
        descriptor, events = client.conn.sock.fileno(), event | select.EPOLLONESHOT
        right = self._polls if client.is_polling else self._requests
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
        time.sleep(_PERIOD - time.monotonic() % _PERIOD)
        end = time.monotonic() + _TURN
        events = self._polls.poll(0, 1)
        # If there are more, another thread waits for the end of the next period, and answers those that are left then.
        self._requests.modify(self._polls, select.EPOLLIN | select.EPOLLONESHOT)
        while events:
            yield events[0][0]
            events = self._polls.poll(0, 1) if time.monotonic() < end else []


def polls(client: "Client") -> bool:
    """Note that a request of a client was answered, and return whether its connection carries the polls of pages.

    These are the polls of one page, one each second, or those of many pages on a connection that a proxy keeps for
    polls alone.
    """
    parser: Parser = client.conn.parser  # type: ignore[assignment]
    before, client.answered = client.answered, time.monotonic()
    client.is_mixed |= client.has_polled and not parser.is_poll
    client.has_polled |= parser.is_poll
    is_kept_for_polls = parser.is_forwarded and not client.is_mixed
    return parser.is_poll and (is_kept_for_polls or client.answered - before > _GAP)
