"""gunicorn's worker with threads, except that the threads wait for requests themselves, and only for complete heads."""

import logging
import select
import socket
import struct
import time
from contextlib import suppress
from functools import partial

from gunicorn.http.message import Request
from gunicorn.workers.gthread import TConn, ThreadWorker

from greeter import free_memory
from greeter.web.server.gunicorn_client import Client
from greeter.web.server.gunicorn_polls import Polls, polls
from greeter.web.server.gunicorn_response import respond
from greeter.web.server.gunicorn_threads import Threads

log = logging.getLogger(__name__)

_HEAD_SECONDS = 5  # for the whole head of a request
_BODY_SECONDS = 15  # for the next part of a body, as in deploy/nginx
_READ_SECONDS = 5  # for a client to read one buffer; up to three times as long, because the kernel buffers more
_CLOSE_SECONDS = 2  # for a client to read the end of its last response


class Worker(ThreadWorker):
    """A worker whose threads wait for all connections together. A request wakes one of them, which answers it.

    With gunicorn's own, a request wakes the main thread, which hands the connection to another one and later takes it
    back; each of 64 connections that send only a part of a head occupies a thread indefinitely; and the main thread
    waits for each client that does not close its connection after the last response.

    The main thread accepts connections and closes those that have waited for too long.
    """

    def load_wsgi(self) -> None:
        """Load the application."""
        super().load_wsgi()
        from greeter.web.server import malformed  # with Flask and Prometheus, which gunicorn.conf.py has to precede

        self._malformed = malformed
        # Cached: gunicorn reads each setting several times for a request, through a function.
        vars(self.cfg).update({name: setting.get() for name, setting in self.cfg.settings.items()})

    def handle_error(
        self, req: Request | None, client: socket.socket, addr: str | int | tuple[str, int], exc: BaseException
    ) -> None:
        """Answer a request that gunicorn cannot parse as the application would."""
        if not isinstance(exc, self._malformed.Malformed):
            super().handle_error(req, client, addr, exc)
            return
        with suppress(OSError):  # the client is gone
            client.sendall(exc.answer)

    def run(self) -> None:
        """Run until the process should end."""
        self._requests = select.epoll()  # reports each connection once, to one thread
        self._polls = Polls(self._requests)
        # By descriptor. The thread that removes a client owns it; no other may serve or close it.
        self._waiting: dict[int, Client] = {}
        Threads(partial(self._requests.poll, maxevents=1), self._serve).start(self.cfg.threads)
        super().run()

    def notify(self) -> None:
        """Report that this process is alive, every second at least."""
        super().notify()
        free_memory.release_each_minute()

    def enqueue_req(self, conn: TConn) -> None:
        """Wait for the first request of a new connection."""
        for option, seconds in ((socket.SO_RCVTIMEO, _BODY_SECONDS), (socket.SO_SNDTIMEO, _READ_SECONDS)):
            conn.sock.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", seconds, 0))
        conn.parser = self._malformed.Parser(self.cfg, conn.sock, conn.client)
        conn.init()
        client = Client(conn, time.monotonic() + _HEAD_SECONDS, self._requests)
        self._waiting[conn.sock.fileno()] = client
        self._requests.register(conn.sock, select.EPOLLIN | select.EPOLLONESHOT)

    def _wait(self, client: Client, seconds: float | None = None) -> None:
        """Wait for more from a client, until a new deadline or the previous one."""
        if seconds is not None:
            client.until = time.monotonic() + seconds
        event = select.EPOLLOUT if client.has_head() else select.EPOLLIN  # the next request, sent with the last one
        self._waiting[client.conn.sock.fileno()] = client
        self._polls.wait(client, event)

    def _serve(self, events: list[tuple[int, int]]) -> None:
        """Serve the clients for which a thread has waited."""
        for descriptor in self._polls.ready(events[0][0]) if events else ():
            if client := self._waiting.pop(descriptor, None):
                self._read(client)

    def _read(self, client: Client) -> None:
        """Take what a client has sent, and answer its request if the head is complete."""
        is_first = not client.unread.tell()
        try:
            # A client that sends many requests at once has to wait, instead of filling the memory.
            is_connected = client.has_head() or client.receive()
            if client.has_head():
                self._answer(client)
            elif is_connected:
                client.is_polling = False  # until the rest of the head is here
                self._wait(client, _HEAD_SECONDS if is_first and not client.is_ending else None)
            else:
                self._close(client)
        except OSError:  # the client has left
            self._close(client)
        except BaseException:
            log.exception("a connection is closed because of an error")
            self._close(client)

    def _answer(self, client: Client) -> None:
        if self.handle(client.conn):
            client.is_polling = polls(client)
            self._wait(client, self.cfg.keepalive)
        else:
            client.conn.sock.shutdown(socket.SHUT_WR)
            client.is_ending = True
            self._wait(client, _CLOSE_SECONDS)

    def _close(self, client: Client) -> None:
        if client.conn.sock.fileno() < 0:  # the other thread has closed it at the same time
            return
        client.conn.close()
        self.method_queue.defer(self._count_out)

    def _count_out(self) -> None:
        self.nr_conns -= 1

    def handle_request(self, req: Request, conn: TConn) -> bool:
        """Answer a request, and close the connection after it if too many wait for their next request."""
        self.nr += 1
        if self.nr >= self.max_requests and self.alive:
            log.info("a process of the web is replaced after %d requests", self.nr)
            self.alive = False
        if not self.alive or len(self._waiting) >= self.max_keepalived:
            req.force_close()
        return respond(self.wsgi, req, conn)

    def murder_keepalived(self, force: bool = False) -> None:
        """Close the connections that have waited for too long, or all that wait."""
        now = time.monotonic()
        for descriptor, client in self._waiting.copy().items():
            is_over = force or (client.until < now and not client.has_sent_more())
            if is_over and self._waiting.pop(descriptor, None) is client:
                self._close(client)

    def _cap_keepalive(self, deadline: float) -> None:
        for client in self._waiting.copy().values():
            client.until = min(client.until, deadline)
