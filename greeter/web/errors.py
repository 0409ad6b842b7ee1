"""Error pages: what happened, and what the visitor can do next."""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

from flask import Flask, current_app, render_template, request
from flask.globals import request_ctx
from flask.typing import ResponseReturnValue
from gunicorn.http.errors import ParseException
from redis import ResponseError
from werkzeug.exceptions import (
    BadRequest,
    HTTPException,
    InternalServerError,
    NotFound,
    ServiceUnavailable,
    TooManyRequests,
)

from greeter.jobs.errors import (
    DISK_FULL,
    UNAVAILABLE,
    DatabaseRemoved,
    JobNotFound,
    NotConfirmed,
    QueueFull,
    StorageFull,
    TooManyBytes,
    TooManyJobs,
    Unfit,
)
from greeter.jobs.probe import NoAnswer
from greeter.logs import REQUEST
from greeter.web.problems import error_problem
from greeter.web.request_log import UNLOGGED_ENDPOINTS

_REFRESH = 15  # seconds, until the error page of a job is loaded again
_RETRY_AFTER = 5  # seconds, when Redis or DATA_DIR does not answer


class Refusal(NamedTuple):
    """The response to a submission that is not accepted.

    Attributes:
        status: The HTTP status.
        retry_after: Seconds after which it may be sent again, or None if it will be refused again.
        problem: Why it was refused.
        advice: What to do, after "Your input is saved below;" on the page; empty if the problem says it.
    """

    status: int
    retry_after: int | None
    problem: str
    advice: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the response."""
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}

    @property
    def message(self) -> str:
        """The message for the page of the form."""
        return f"{self.problem} Your input is saved below{'; ' * bool(self.advice)}{self.advice or '.'}"

    @property
    def detail(self) -> str:
        """The message for a script."""
        return f"{self.problem} {self.advice[:1].upper()}{self.advice[1:]}".rstrip()


REFUSALS: dict[type[Exception], Refusal] = {
    QueueFull: Refusal(503, 300, "The queue is full.", "try again in a few minutes."),
    TooManyJobs: Refusal(
        429,
        60,
        "You have reached the limit of jobs that one visitor can have waiting or running.",
        "submit it again when one of your jobs has ended, or cancel one.",
    ),
    TooManyRequests: Refusal(
        429, 60, "You have reached the limit of submissions per minute.", "wait a minute, then submit it again."
    ),
    TooManyBytes: Refusal(
        429,
        300,
        "The files of your jobs have reached the limit for one visitor.",
        "delete jobs that you no longer need, then submit it again.",
    ),
    StorageFull: Refusal(
        503,
        3600,
        "The files of all jobs have reached the limit of this site.",
        "delete jobs that you no longer need, and submit it again later.",
    ),
    DatabaseRemoved: Refusal(
        503, 1, "The database was removed a moment ago.", "choose another one, and submit it again."
    ),
    Unfit: Refusal(503, 60, "This site cannot store jobs at the moment.", "try again in a few minutes."),
    OSError: Refusal(503, 300, DISK_FULL),
    NotConfirmed: Refusal(
        503,
        _RETRY_AFTER,
        "The job could not be stored safely in time.",
        "wait a few seconds, then submit it again.",
    ),
} | dict.fromkeys(
    UNAVAILABLE,
    Refusal(503, _RETRY_AFTER, "The queue is unavailable at the moment.", "wait a few seconds, then submit it again."),
)
"""The refusal for each exception that JobService.submit or Limits.count_submission raises."""

# Title and advice by HTTP status.
_ERROR_PAGES = {
    400: (
        "This request was not understood",
        "It may not have arrived completely. Open this site at its usual address, then try again from there.",
    ),
    403: (
        "This request did not come from a page of this site",
        "Nothing was changed. If you wanted to make this change, open this site and make it there.",
    ),
    404: (
        "Page not found",
        "The address may be incomplete, or the job may have been deleted. Check the address, or start a new job.",
    ),
    413: (
        "This submission is too large",
        "Go back to the form, which still contains your input. Submit less data, or upload a file instead of pasting "
        "text. The form shows the limits.",
    ),
    415: (
        "Compressed requests are not supported",
        "Send the request again without a Content-Encoding header.",
    ),
    429: (
        "Too many requests",
        "Wait a minute, then reload this page. The jobs that you have submitted are not affected.",
    ),
    500: (
        "Something went wrong on our side",
        "Try again. If it happens again, write to the address below with the reference {reference}.",
    ),
    503: (
        "This page is unavailable at the moment",
        "The jobs that you have submitted are safe. Wait a few seconds, then reload this page.",
    ),
}


def init_app(app: Flask) -> None:
    """Register an error handler for every kind of failure."""
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(NotFound, not_found)
    app.register_error_handler(JobNotFound, not_found)
    app.register_error_handler(ParseException, _malformed_body)
    for kind in (*UNAVAILABLE, NoAnswer):
        app.register_error_handler(kind, _unavailable)
    if not app.debug:
        app.register_error_handler(Exception, _internal_error)


def not_found(error: Exception) -> ResponseReturnValue:
    """Render the 404 page, which is the same for a job that was deleted and one that never existed.

    Args:
        error: The exception, which the page does not show.

    Returns:
        The page, or for a poll the fragment that ends the polling, with status 404.
    """
    if request.path.startswith("/jobs/") and request.path.endswith("/progress"):
        # This replaces the section of the job and has no polling attributes, so polling stops.
        return render_template("_gone.html"), 404
    return _error_page(NotFound())


def _http_error(error: HTTPException) -> ResponseReturnValue:
    if error.code == 413:
        _drain_body()
    return _error_page(error)


def _malformed_body(error: Exception) -> ResponseReturnValue:
    """Answer a chunked body that gunicorn cannot read."""
    return _error_page(BadRequest())


def _drain_body() -> None:
    # If the connection closes while a browser is still sending, the browser shows its own error instead of our page.
    allowance = 10 * current_app.config["MAX_CONTENT_LENGTH"]
    with suppress(OSError, ParseException):
        while allowance > 0 and (read := len(request.environ["wsgi.input"].read(65536))):
            allowance -= read


def _unavailable(error: Exception) -> ResponseReturnValue:
    if request.endpoint not in UNLOGGED_ENDPOINTS:
        # A ResponseError may be our own bug, so it is logged with its traceback.
        current_app.logger.warning(
            "unavailable: %s", error, exc_info=error if isinstance(error, ResponseError) else None
        )
    if request.endpoint == "jobs.progress":
        return render_template("_outage.html"), 503, {"Retry-After": str(_RETRY_AFTER)}
    return _error_page(ServiceUnavailable(retry_after=_RETRY_AFTER))


def _internal_error(error: Exception) -> ResponseReturnValue:
    current_app.logger.error("Reference %s", REQUEST.get(), exc_info=error)
    return _error_page(InternalServerError(), reference=REQUEST.get())


def _error_page(error: HTTPException, **details: str) -> ResponseReturnValue:
    status = error.code or 500
    title, advice = _ERROR_PAGES.get(status, (error.name, "Go back and try again, or start from the front page."))
    if not request_ctx.url_adapter:  # Flask has none for an untrusted or missing host, but url_for needs one
        request_ctx.url_adapter = current_app.url_map.bind("", script_name=request.root_path)
    headers = {name: value for name, value in error.get_headers() if name != "Content-Type"}
    if request.path.startswith("/api/"):
        return error_problem(status, title, advice.format(**details), headers)
    is_temporary = status in (429, 503) and request.method == "GET"
    return (
        render_template(
            "error.html",
            title=title,
            advice=advice.format(**details),
            is_temporary=is_temporary,
            # The page of a job that reloads itself without JavaScript must go on to do so.
            refresh=_REFRESH if is_temporary and request.endpoint == "jobs.job" else None,
        ),
        status,
        headers,
    )
