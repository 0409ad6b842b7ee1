"""The log line and the measured duration of each request."""

import logging
import time
from secrets import token_hex

from flask import Flask, Response, g, request

from greeter.logs import REQUEST
from greeter.web.metrics import REQUEST_SECONDS

log = logging.getLogger("greeter.request")

UNLOGGED_ENDPOINTS = {"static", "jobs.progress", "health.live", "health.ready", "metrics.metrics"}
"""Endpoints that pages and monitors request all the time."""


def init_app(app: Flask) -> None:
    """Give each request an id, measure it, and log it."""
    app.before_request(_start_request)
    app.after_request(_log_request)
    app.teardown_request(_end_request)


def _start_request() -> None:
    REQUEST.set(token_hex(6))  # our own, because a client could forge one
    g.started = time.perf_counter()


def _log_request(response: Response) -> Response:
    seconds = time.perf_counter() - g.started
    route = request.url_rule.rule if request.url_rule else "none"
    REQUEST_SECONDS.labels(route, response.status_code).observe(seconds)
    if request.endpoint not in UNLOGGED_ENDPOINTS:
        fields = {
            "method": request.method,
            "route": route,
            "status": response.status_code,
            "seconds": round(seconds, 3),
            "job": (request.view_args or {}).get("job_id", "")[:8],
        }
        log.info("request", extra=fields)
    return response


def _end_request(error: BaseException | None) -> None:
    REQUEST.set("")  # the thread will handle other requests
