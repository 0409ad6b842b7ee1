"""The answers to requests that gunicorn cannot parse, which the application never gets."""

import logging
import re
import socket

from flask import Response
from gunicorn.config import Config
from gunicorn.http import errors as http
from gunicorn.http.body import LengthReader
from gunicorn.http.message import Request
from gunicorn.http.parser import RequestParser
from gunicorn.http.unreader import SocketUnreader

from greeter.logs import REQUEST
from greeter.web.problems import error_problem, explain
from greeter.web.request_log import new_id

log = logging.getLogger(__name__)

_STATUSES = {
    http.LimitRequestLine: 414,
    http.ExpectationFailed: 417,
    http.LimitRequestHeaders: 431,
    http.UnsupportedTransferCoding: 501,
}
_TO_THE_API = re.compile(rb"\s*(?:\S* )?(?:\w+://[^/\s]*)?/api/")


class Malformed(Exception):
    """A request is not valid HTTP.

    Attributes:
        answer: The response, after which the connection has to be closed.
    """

    def __init__(self, error: http.ParseException, start: bytes) -> None:
        super().__init__(error)
        token = REQUEST.set(new_id())
        self.answer = _answer(_STATUSES.get(type(error), 400), bool(_TO_THE_API.match(start)))
        log.warning("a request is not valid HTTP: %s", type(error).__name__)
        REQUEST.reset(token)


class _Unreader(SocketUnreader):
    """Reads a body from the socket, but no head: the worker hands a request over when it has read all of the head."""

    in_head = False

    def chunk(self, *args: object) -> bytes:
        if self.in_head:
            raise http.LimitRequestHeaders("the head is longer than the worker reads")
        return super().chunk(*args)


class Parser(RequestParser):
    """gunicorn's parser, except that it keeps the start of a request, and does not wait for the rest of a head."""

    def __init__(self, cfg: Config, source: socket.socket, source_addr: str | int | tuple[str, int]) -> None:
        super().__init__(cfg, source, source_addr)
        self.unreader: _Unreader = _Unreader(source)
        self.is_poll = False  # whether the last request is a poll of a page: no other has the tag of a fragment
        self.is_forwarded = False  # whether a proxy has sent it
        self._last: tuple[bytes, Request | None] = b"", None  # the last request, if it had no body

    def __next__(self) -> Request:
        """Return the next request, or raise Malformed."""
        start = self.unreader.buf.getvalue()
        sent, request = self._last
        if request and start == sent:  # a page sends the same poll each second
            self.unreader.take_buffered()
            return request
        self.unreader.in_head = True
        try:
            request = super().__next__()
            names = {name for name, _ in request.headers}
            _require_plain_body(request)
            if request.version == (1, 1) and "HOST" not in names:  # links would have another host
                raise http.InvalidHeader("Host is missing")
        except http.ParseException as error:
            raise Malformed(error, start) from error
        finally:
            self.unreader.in_head = False
        self.is_poll = request.method == "GET" and _has_no_body(request) and "HX-PTAG" in names
        self.is_forwarded = "X-FORWARDED-FOR" in names
        is_all = _has_no_body(request) and not self.unreader.buf.getvalue()
        self._last = (start, request) if is_all else (b"", None)
        return request

    def finish_body(self, deadline: float | None = None, max_bytes: int | None = None) -> bool:  # type: ignore[override]
        """Skip the rest of a body, and return whether the next request can be read."""
        if self.mesg and _has_no_body(self.mesg):
            return True
        try:
            return bool(super().finish_body(deadline, max_bytes))
        except http.ParseException:  # the request was answered already
            return False


def _require_plain_body(request: Request) -> None:
    """Raise UnsupportedTransferCoding if the body is compressed: gunicorn would pass it on as it is."""
    for name, value in request.headers:
        if name == "TRANSFER-ENCODING" and value.lower() != "chunked":
            raise http.UnsupportedTransferCoding(value)


def _has_no_body(request: Request) -> bool:
    """Return whether a request has no body, or the body has been read."""
    reader = request.body.reader  # type: ignore[union-attr]
    return isinstance(reader, LengthReader) and not reader.length


def _answer(status: int, is_api: bool) -> bytes:
    text = f"{'. '.join(explain(status))}\n"
    plain = Response(text, status, content_type="text/plain; charset=utf-8")
    response = error_problem(status, {}) if is_api else plain
    response.headers |= {"X-Content-Type-Options": "nosniff", "Connection": "close"}
    response.content_length = len(response.data)
    return b"HTTP/1.1 %s\r\n%s%s" % (response.status.encode(), str(response.headers).encode(), response.data)
