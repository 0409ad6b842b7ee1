"""What a person sees when a request fails: what happened, and what to do next."""

from __future__ import annotations

from flask import Flask, current_app, render_template, request
from flask.globals import request_ctx
from flask.typing import ResponseReturnValue
from redis import ResponseError
from werkzeug.exceptions import HTTPException, InternalServerError, NotFound, ServiceUnavailable, TooManyRequests

from greeter.jobs.errors import DISK_FULL, UNAVAILABLE, JobNotFound, QueueFull, TooManyJobs
from greeter.logs import REQUEST
from greeter.web.request_log import QUIET

_RETRY_AFTER = 5

# Why a submission was not accepted: the status, the seconds after which to try again, and what the form says.
REFUSALS: dict[type[Exception], tuple[int, int, str]] = {
    QueueFull: (503, 300, "As many jobs wait as may. Your input is still here: submit it again in a few minutes."),
    TooManyJobs: (
        429,
        60,
        "You have as many jobs as one visitor may have at the same time. Your input is still here: submit it again "
        "when one of them has ended, or cancel one.",
    ),
    TooManyRequests: (
        429,
        60,
        "You have submitted as often as one visitor may in a minute. Your input is still here: wait a minute, and "
        "submit it again.",
    ),
    OSError: (503, 300, DISK_FULL + " Your input is still here."),
} | dict.fromkeys(
    UNAVAILABLE,
    (
        503,
        _RETRY_AFTER,
        "The queue cannot be reached at the moment. Your input is still here: wait a few seconds, and submit it again.",
    ),
)

_SAID = {
    400: (
        "This request was not understood",
        "Open this site by its own address, and try again from there.",
    ),
    403: (
        "This did not come from a page of this site",
        "Nothing was changed. If you wanted it, open this site itself, and do it there.",
    ),
    404: (
        "Nothing is here",
        "The address may be incomplete, or the job may have been removed. Check the address, or start a new job.",
    ),
    413: (
        "This is too much at once",
        "Go back, where your input still is, and submit less: the limits stand in the form.",
    ),
    415: (
        "This was sent compressed",
        "Send it again as it is, without a Content-Encoding.",
    ),
    429: (
        "This is more than one visitor may ask for",
        "Wait a minute, then load this page again. Jobs that were accepted go on meanwhile.",
    ),
    500: (
        "Something went wrong on our side",
        "Try again. If it happens again, tell whoever runs this site the reference {reference}.",
    ),
    503: (
        "The queue cannot be reached",
        "Jobs that were accepted are safe. Wait a few seconds, then load this page again.",
    ),
}


def init_app(app: Flask) -> None:
    """Give every kind of failure its page."""
    app.register_error_handler(HTTPException, _refused)
    app.register_error_handler(NotFound, missing)
    app.register_error_handler(JobNotFound, missing)
    for kind in UNAVAILABLE:
        app.register_error_handler(kind, _unavailable)
    if not app.debug:
        app.register_error_handler(Exception, _bug)


def _page(error: HTTPException, **details: str) -> ResponseReturnValue:
    title, advice = _SAID.get(error.code or 500, (error.name, "Go back and try again, or start from the front page."))
    if not request_ctx.url_adapter:  # the host is none of ours, or none at all: links within the site need none
        request_ctx.url_adapter = current_app.url_map.bind("", script_name=request.root_path)
    headers = {name: value for name, value in error.get_headers() if name != "Content-Type"}
    return render_template("error.html", title=title, advice=advice.format(**details)), error.code or 500, headers


def missing(error: Exception) -> ResponseReturnValue:
    """Answer what is not there; a job that is gone and one that cannot be look the same."""
    if request.path.startswith("/jobs/") and request.path.endswith("/progress"):
        # It takes the place of a job's progress, and nothing in it polls.
        return render_template("_gone.html"), 404
    return _page(NotFound())


def _refused(error: HTTPException) -> ResponseReturnValue:
    if error.code == 413:
        _read_what_is_still_sent()
    return _page(error)


def _read_what_is_still_sent() -> None:
    # A browser that is still sending when the connection closes shows its own error instead of our page.
    allowance = 10 * current_app.config["MAX_CONTENT_LENGTH"]
    while allowance > 0 and (read := len(request.environ["wsgi.input"].read(65536))):
        allowance -= read


def _unavailable(error: Exception) -> ResponseReturnValue:
    # A refusal by Redis may be our mistake, unlike a Redis that is away.
    if request.endpoint not in QUIET:
        current_app.logger.warning("Redis: %s", error, exc_info=error if isinstance(error, ResponseError) else None)
    if request.endpoint == "jobs.progress":
        return render_template("_outage.html"), 503, {"Retry-After": str(_RETRY_AFTER)}
    return _page(ServiceUnavailable(retry_after=_RETRY_AFTER))


def _bug(error: Exception) -> ResponseReturnValue:
    current_app.logger.error("Reference %s", REQUEST.get(), exc_info=error)
    return _page(InternalServerError(), reference=REQUEST.get())
