"""How a gunicorn worker answers a request."""

import logging
import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from wsgiref.types import WSGIEnvironment

from gunicorn.http import wsgi
from gunicorn.http.message import Request
from gunicorn.util import http_date
from gunicorn.workers.gthread import TConn

log = logging.getLogger(__name__)


class Response(wsgi.Response):
    """gunicorn's response, except that its head and the first part of its body are sent together.

    Each send releases Python's global lock, and may wake the client.
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

    @property
    def has_sent(self) -> bool:
        """Whether the client may have received something."""
        return self.headers_sent and not self._head

    def _emit_body(self, data: bytes) -> None:
        if data:
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


def _environ(request: Request, conn: TConn) -> WSGIEnvironment:
    """Return a copy of the environ of a request. For one that repeats the last one, the parser returns the same."""
    found: WSGIEnvironment | None = vars(request).get("environ")
    if found is None:
        environ = wsgi.create(request, conn.sock, conn.client, conn.server, conn.cfg)[1]
        environ["wsgi.multithread"] = True
        del environ["wsgi.early_hints"]  # which refers to the request
        vars(request)["environ"] = found = dict(environ)
    return found.copy()


def respond(application: Callable[..., Iterable[bytes]], request: Request, conn: TConn) -> bool:
    """Answer a request, and return whether the connection can be kept."""
    response = Response(request, conn.sock, conn.cfg)
    parts = application(_environ(request, conn), response.start_response)
    try:
        for part in parts:
            response.write(part)
        response.close()
    except FileNotFoundError:  # which a socket does not raise
        log.warning("a response ends early, because a file was removed while it was sent")
        return False
    except OSError:
        raise
    except Exception:
        if not response.has_sent:
            raise
        log.exception("a response could not be completed")
        return False
    finally:
        if hasattr(parts, "close"):
            parts.close()
    return not response.should_close()
