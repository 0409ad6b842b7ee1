"""gunicorn's worker with threads, except that neither they nor the main thread wait for slow clients.

A thread takes a connection only once it has sent a complete head, and a client may take its time to close one.
"""

from __future__ import annotations

import logging
import socket
import struct
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ

from gunicorn.http.parser import RequestParser
from gunicorn.workers.gthread import TConn, ThreadWorker

log = logging.getLogger(__name__)

_HEAD_SECONDS = 5  # for the whole head of a request
_BODY_SECONDS = 15  # for the next part of a body, as in deploy/nginx
_READ_SECONDS = 5  # for a client to read what fills a buffer; up to three times, because the kernel takes some more
_LONGEST_PEEK = 65_536  # bytes; a thread reads the rest of a longer head


class Worker(ThreadWorker):
    """A worker whose threads do not wait for slow clients.

    With gunicorn's own, each of 64 connections that send nothing more occupies a thread indefinitely, and each client
    that does not close its connection after the last response stops the whole process for two seconds.
    """

    def enqueue_req(self, conn: TConn) -> None:
        """Hand a connection to a thread, or wait for its head without one.

        If the head is not complete after _HEAD_SECONDS, gunicorn's murder_pending() closes the connection.
        """
        for option, seconds in ((socket.SO_RCVTIMEO, _BODY_SECONDS), (socket.SO_SNDTIMEO, _READ_SECONDS)):
            conn.sock.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", seconds, 0))
        if _has_head(conn):
            super().enqueue_req(conn)
            return
        conn.timeout = time.monotonic() + _HEAD_SECONDS
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def on_pending_socket_readable(self, conn: TConn, client: socket.socket) -> None:
        """Hand a connection to a thread if its head is complete now."""
        if _has_head(conn):
            self.poller.unregister(client)
            self.pending_conns.remove(conn)
            super().enqueue_req(conn)

    def finish_request(self, conn: TConn, fs: Future[Any]) -> None:
        """Keep a connection after a request, or end it: then its client has as long to close it as if it were kept.

        If it were closed at once, while the client still sends, the client would not get the response.
        """
        if fs.cancelled() or fs.exception() or fs.result():
            super().finish_request(conn, fs)
            return
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:  # the client is gone
            self._close(conn)
            return
        conn.sock.setblocking(False)
        conn.set_timeout()
        self.keepalived_conns.append(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(self._drop, conn))

    def _drop(self, conn: TConn, client: Any) -> None:
        """Drop what a client sends on a connection that has ended, or close it if the client has."""
        with suppress(OSError):
            if client.recv(_LONGEST_PEEK):
                return
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._close(conn)

    def _close(self, conn: TConn) -> None:
        self.nr_conns -= 1
        conn.close()


def spawn(spawn_workers: Callable[[], None]) -> None:
    """Start missing processes, unless the system refuses: then gunicorn, which would exit, tries again a second later.

    Args:
        spawn_workers: gunicorn's own function.
    """
    try:
        spawn_workers()
    except OSError as error:
        log.error("a process of the web could not be started: %s", error)


def _has_head(conn: TConn) -> bool:
    """Return whether a connection has sent the head of a request, or cannot send more of it."""
    if isinstance(conn.parser, RequestParser) and conn.parser.unreader.buf.getvalue():  # pipelined behind a body
        return True
    try:
        sent = conn.sock.recv(_LONGEST_PEEK, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True
    expected = conn.sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT)
    complete = b"\r\n\r\n" in sent.lstrip(b"\r\n") or len(sent) == _LONGEST_PEEK or len(sent) < expected
    # The poller reports the socket again when it has more than this, or is closed.
    conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1 if complete else len(sent) + 1)
    return complete
