"""Security headers of every response, and the rejection of requests from other sites and of oversized ones."""

from __future__ import annotations

from flask import Flask, Response, current_app, request
from werkzeug.exceptions import Forbidden, RequestEntityTooLarge, UnsupportedMediaType

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), "
        "microphone=(), midi=(), payment=(), usb=()"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
# Anyone who has the address of a job can see the job, so these keep the address out of caches, referrers and indexes.
_JOB_HEADERS = _HEADERS | {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}
_HTTPS_HEADERS = {"Strict-Transport-Security": "max-age=31536000"}


def init_app(app: Flask) -> None:
    """Check every request, and set the headers of every response."""
    app.before_request(_check_request)
    app.after_request(_set_headers)


def _check_request() -> None:
    environ = request.environ
    # Nothing here decompresses requests, so that a small one cannot expand into a large one.
    if environ.get("HTTP_CONTENT_ENCODING", "") not in ("", "identity"):
        raise UnsupportedMediaType
    if environ["REQUEST_METHOD"] not in ("GET", "HEAD", "OPTIONS"):
        _reject_other_sites()
    if environ.get("CONTENT_TYPE"):
        _reject_large_form()


def _reject_other_sites() -> None:
    """Reject changes that another site requests through a visitor's browser.

    This follows the OWASP Cross-Site Request Forgery Prevention Cheat Sheet. Browsers send Sec-Fetch-Site over https,
    and Origin without it. Scripts send neither and are accepted.
    """
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    own_origins = (None, f"{request.scheme}://{request.host}")
    allowed = origin in own_origins if site is None else site in ("same-origin", "none")
    if not allowed:
        raise Forbidden


def _reject_large_form() -> None:
    if request.mimetype != "application/x-www-form-urlencoded":
        return
    request.max_content_length = most = current_app.config["MAX_FORM_MEMORY_SIZE"]
    body = request.get_data()
    # A field takes a hundred times its bytes in memory, and MAX_FORM_PARTS limits only multipart forms. Werkzeug cuts
    # off a chunked body at max_content_length.
    if body.count(b"&") >= current_app.config["MAX_FORM_PARTS"] or len(body) >= most:
        raise RequestEntityTooLarge


def _set_headers(response: Response) -> Response:
    environ = request.environ
    is_job = environ["PATH_INFO"].startswith("/jobs/")  # by path, so that impossible job ids look like deleted jobs
    if is_job:
        response.headers["Cache-Control"] = "no-store"
    if response.status_code != 304:  # it has no content, and the browser keeps the headers that came with the content
        own_policy = response.headers.get("Content-Security-Policy")  # of a result file
        response.headers.extend(_JOB_HEADERS if is_job else _HEADERS)
        if own_policy:
            response.headers["Content-Security-Policy"] = own_policy
        if environ["wsgi.url_scheme"] == "https":
            response.headers.extend(_HTTPS_HEADERS)
    return response
