"""One line in the log for each request, except for those that come by themselves."""

import logging
import time
from secrets import token_hex

from flask import Flask, Response, g, request

from greeter.core.logs import REQUEST

log = logging.getLogger("greeter.request")

QUIET = {"static", "fragments.progress", "health.live", "health.ready"}
"""What a page or a monitor asks for all the time; the log has no line for each."""


def init_app(app: Flask) -> None:
    """Give each request an id, and the log its line."""
    app.before_request(_begin)
    app.after_request(_tell)
    app.teardown_request(_end)


def _begin() -> None:
    REQUEST.set(token_hex(6))  # never one that a client sends
    g.began = time.perf_counter()


def _tell(response: Response) -> Response:
    if request.endpoint not in QUIET:
        told = {
            "method": request.method,
            "route": request.url_rule.rule if request.url_rule else "none",
            "status": response.status_code,
            "seconds": round(time.perf_counter() - g.began, 3),
            "job": (request.view_args or {}).get("job_id", "")[:8],
        }
        log.info("request", extra=told)
    return response


def _end(error: BaseException | None) -> None:
    REQUEST.set("")  # what this thread does next is of another
