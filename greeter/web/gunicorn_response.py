"""How a gunicorn worker answers a request."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from functools import lru_cache

from gunicorn.http import wsgi
from gunicorn.http.message import Request
from gunicorn.util import http_date
from gunicorn.workers.gthread import TConn

log = logging.getLogger(__name__)


class Response(wsgi.Response):
    """gunicorn's response, except that its head and the first part of its body are sent together.

    Each call that sends gives Python's global lock away, and may wake the client.
    """

    _head = b""  # while it is not sent

    def send_headers(self) -> None:
        """Prepare the head."""
        if self.headers_sent:
            return
        major, minor = self.req.version or (1, 1)
        own = [
            ("Server", self.version),
            ("Date", _date(int(time.time()))),
            ("Connection", "close" if self.should_close() else "keep-alive"),
            *([("Transfer-Encoding", "chunked")] if self.chunked else []),
        ]
        fields = "".join([f"{name}: {value}\r\n" for name, value in [*own, *self.headers]])
        self._head = f"HTTP/{major}.{minor} {self.status}\r\n{fields}\r\n".encode("latin-1")
        self.headers_sent = True

    def _emit_body(self, data: bytes) -> None:
        self._send(b"%X\r\n%s\r\n" % (len(data), data) if self.chunked else data)

    def close(self) -> None:
        """Send what is left."""
        self.send_headers()
        self._send(b"0\r\n\r\n" if self.chunked else b"")

    def _send(self, data: bytes) -> None:
        head, self._head = self._head, b""
        if head or data:
            self.sock.sendall(head + data)


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    return http_date(second)


def respond(application: Callable[..., Iterable[bytes]], request: Request, conn: TConn) -> bool:
    """Answer a request, and return whether the connection can be kept."""
    response, environ = wsgi.create(request, conn.sock, conn.client, conn.server, conn.cfg, Response)
    environ["wsgi.multithread"] = True
    parts = application(environ, response.start_response)
    try:
        for part in parts:
            response.write(part)
        response.close()
    except OSError:
        raise
    except Exception:
        if not response.headers_sent:
            raise
        log.exception("a response could not be completed")
        return False
    finally:
        if hasattr(parts, "close"):
            parts.close()
    return not response.should_close()
