"""The log line and the measured duration of each request."""

import logging
import time
from functools import cache
from random import getrandbits

from flask import Flask, Response, g
from flask.globals import request_ctx
from prometheus_client import Histogram

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


def new_id() -> str:
    """Return an id for a request."""
    # Our own, because a client could forge one. It is not a secret, and os.urandom would release the interpreter lock.
    return f"{getrandbits(48):012x}"  # nosec B311


def _start_request() -> None:
    REQUEST.set(new_id())
    g.started = time.perf_counter()


def _log_request(response: Response) -> Response:
    seconds = time.perf_counter() - g.started
    answered = request_ctx.request
    route = answered.url_rule.rule if answered.url_rule else "none"
    _measured(route, response.status_code).observe(seconds)
    if answered.endpoint not in UNLOGGED_ENDPOINTS:
        fields = {
            "method": answered.method,
            "route": route,
            "status": response.status_code,
            "seconds": round(seconds, 3),
            "job": (answered.view_args or {}).get("job_id", "")[:8],
        }
        log.info("request", extra=fields)
    return response


@cache  # a third of the time of a measurement; there are few routes and statuses
def _measured(route: str, status: int) -> Histogram:
    return REQUEST_SECONDS.labels(route, status)


def _end_request(error: BaseException | None) -> None:
    REQUEST.set("")  # the thread will handle other requests
