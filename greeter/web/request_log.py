"""What is noted of each request: how long it took, and a line in the log unless it came by itself."""

import logging
import time
from secrets import token_hex

from flask import Flask, Response, g, request

from greeter.logs import REQUEST
from greeter.web.metrics import REQUEST_SECONDS

log = logging.getLogger("greeter.request")

QUIET = {"static", "jobs.progress", "health.live", "health.ready", "metrics.metrics"}
"""What a page or a monitor asks for all the time; the log has no line for each."""


def init_app(app: Flask) -> None:
    """Give each request an id, measure it, and give the log its line."""
    app.before_request(_begin)
    app.after_request(_tell)
    app.teardown_request(_end)


def _begin() -> None:
    REQUEST.set(token_hex(6))  # never one that a client sends
    g.began = time.perf_counter()


def _tell(response: Response) -> Response:
    seconds = time.perf_counter() - g.began
    route = request.url_rule.rule if request.url_rule else "none"
    REQUEST_SECONDS.labels(route, response.status_code).observe(seconds)
    if request.endpoint not in QUIET:
        told = {
            "method": request.method,
            "route": route,
            "status": response.status_code,
            "seconds": round(seconds, 3),
            "job": (request.view_args or {}).get("job_id", "")[:8],
        }
        log.info("request", extra=told)
    return response


def _end(error: BaseException | None) -> None:
    REQUEST.set("")  # what this thread does next is of another
