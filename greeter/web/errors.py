"""Error pages: what happened, and what the visitor can do next."""

from contextlib import suppress
from errno import EDQUOT, EHOSTDOWN, EIO, EMFILE, ENFILE, ENODEV, ENOSPC, ENOTCONN, ENXIO, EROFS, ESTALE, ETIMEDOUT

from flask import Flask, current_app, render_template, request
from flask.globals import request_ctx
from flask.typing import ResponseReturnValue
from gunicorn.http.errors import ParseException
from redis import RedisError, ResponseError
from werkzeug.exceptions import BadRequest, HTTPException, InternalServerError, NotFound, ServiceUnavailable

from greeter.jobs.errors import UNAVAILABLE, JobNotFound
from greeter.jobs.files.probe import NoAnswer
from greeter.logs import REQUEST
from greeter.web.input.submitting import RETRY_AFTER
from greeter.web.problems import error_problem, explain
from greeter.web.request_log import UNLOGGED_ENDPOINTS
from greeter.web.services import services

# Errors of disks, including those of file servers, and of a machine that cannot open more files. They are not bugs.
_OF_MACHINE = {EDQUOT, EHOSTDOWN, EIO, EMFILE, ENFILE, ENODEV, ENOSPC, ENOTCONN, ENXIO, EROFS, ESTALE, ETIMEDOUT}
_REFRESH = 15  # seconds, until the error page of a job is loaded again


def init_app(app: Flask) -> None:
    """Register an error handler for every kind of failure."""
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(NotFound, not_found)
    app.register_error_handler(JobNotFound, not_found)
    # A chunked body that gunicorn cannot read.
    app.register_error_handler(ParseException, lambda error: _error_page(BadRequest()))
    for kind in (*UNAVAILABLE, NoAnswer):
        app.register_error_handler(kind, _unavailable)
    if not app.debug:
        app.register_error_handler(OSError, _machine_error)
        app.register_error_handler(Exception, _internal_error)


def not_found(error: Exception) -> ResponseReturnValue:
    """Render the 404 page, which is the same for a job that was deleted and one that never existed.

    For a poll, it is the fragment that ends the polling.
    """
    if request.path.startswith("/jobs/") and request.path.endswith("/progress"):
        # This replaces the section of the job and has no polling attributes, so polling stops.
        return render_template("_gone.html"), 404
    return _error_page(NotFound())


def missing_file(error: Exception) -> ResponseReturnValue:
    """Render the 404 page for a job that was removed after its record was read, or a 503 if its disk is missing."""
    try:
        problem = services().jobs.fitness.problem()
    except RedisError as unavailable:
        return _unavailable(unavailable)
    return _unavailable(NoAnswer(EIO, problem)) if problem else not_found(error)


def _http_error(error: HTTPException) -> ResponseReturnValue:
    if error.code == 413:
        _drain_body()
    return _error_page(error)


def _drain_body() -> None:
    # If the connection closes while a browser is still sending, the browser shows its own error instead of our page.
    allowance = 10 * current_app.config["MAX_CONTENT_LENGTH"]
    with suppress(OSError, ParseException):
        while allowance > 0 and (read := len(request.environ["wsgi.input"].read(65536))):
            allowance -= read


def _unavailable(error: Exception) -> ResponseReturnValue:
    if request.endpoint not in UNLOGGED_ENDPOINTS:
        # A ResponseError may be our own bug, so it is logged with its traceback.
        bug = error if isinstance(error, ResponseError) else None
        current_app.logger.warning("unavailable: %s", error, exc_info=bug)
    return _temporary_page()


def _temporary_page() -> ResponseReturnValue:
    if request.endpoint == "jobs.progress":
        return render_template("_outage.html"), 503, {"Retry-After": str(RETRY_AFTER), "HX-PTag": "outage"}
    return _error_page(ServiceUnavailable(retry_after=RETRY_AFTER))


def _machine_error(error: OSError) -> ResponseReturnValue:
    if error.errno not in _OF_MACHINE:
        return _internal_error(error)
    current_app.logger.error("a file cannot be used", exc_info=error)
    return _temporary_page()


def _internal_error(error: Exception) -> ResponseReturnValue:
    current_app.logger.error("Reference %s", REQUEST.get(), exc_info=error)
    return _error_page(InternalServerError(), reference=REQUEST.get())


def _error_page(error: HTTPException, **details: str) -> ResponseReturnValue:
    status = error.code or 500
    title, advice = explain(status)
    if not request_ctx.url_adapter:  # Flask has none for an untrusted or missing host, but url_for needs one
        request_ctx.url_adapter = current_app.url_map.bind("", script_name=request.root_path)
    headers = {name: value for name, value in error.get_headers() if name != "Content-Type"}
    if request.path.startswith("/api/"):
        return error_problem(status, headers)
    is_temporary = status in (429, 503) and request.method == "GET"
    return (
        render_template(
            "error.html",
            title=title,
            advice=advice.format(**details),
            is_temporary=is_temporary,
            # The page of a job that reloads itself without JavaScript must continue to do so.
            refresh=_REFRESH if is_temporary and request.endpoint == "jobs.job" else None,
        ),
        status,
        headers,
    )
