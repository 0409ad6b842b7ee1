"""A connection of a client with a gunicorn worker, between its requests."""

import select
import socket
import time
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO

from gunicorn.workers.gthread import TConn

_LONGEST_HEAD = 65_536  # bytes; a longer one is refused


@dataclass(eq=False)
class Client:
    """A connection."""

    conn: TConn  # gunicorn's object for it
    until: float  # when to close it if its client sends nothing
    is_in: select.epoll  # the set that reports its events
    is_polling: bool = False  # whether it carries the polls of pages
    answered: float = field(default_factory=time.monotonic)  # when its last request was, or when it connected
    has_polled: bool = False  # whether a request was a poll
    is_mixed: bool = False  # whether anything else came after a poll
    is_ending: bool = False  # whether the last response is sent, and the client should close the connection

    @property
    def unread(self) -> BytesIO:
        """The buffer from which gunicorn's parser reads before it reads from the socket."""
        return self.conn.parser.unreader.buf  # type: ignore[union-attr]

    def receive(self) -> bool:
        """Add what the client has sent to the buffer, and return whether it is still connected."""
        try:
            sent = self.conn.sock.recv(_LONGEST_HEAD, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return True
        if not self.is_ending:
            self.unread.write(sent)
        return bool(sent)

    def has_sent_more(self) -> bool:
        """Return whether the client has sent something that no thread has received yet."""
        with suppress(OSError):  # it has sent nothing, or is gone
            return not self.is_ending and bool(self.conn.sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        return False

    def has_head(self) -> bool:
        """Return whether the buffer has the head of a request that is to be answered."""
        if self.is_ending:
            return False
        unread = self.unread.getvalue()
        return b"\r\n\r\n" in unread.lstrip(b"\r\n") or len(unread) >= _LONGEST_HEAD
