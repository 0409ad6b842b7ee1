"""Security headers of every response, and the rejection of requests from other sites and of oversized ones."""

from collections.abc import Iterable, Sequence
from functools import cache
from wsgiref.types import WSGIEnvironment

from flask import Flask, Response, current_app, request
from werkzeug.exceptions import BadRequest, Forbidden, RequestEntityTooLarge, UnsupportedMediaType

_POLICY = "Content-Security-Policy"
_HEADERS = {
    _POLICY: (
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
_JOB_PATHS = ("/jobs/", "/api/v1/jobs/")
_HTTPS_HEADERS = {"Strict-Transport-Security": "max-age=31536000"}


class SecureResponse(Response):
    """A response with the security headers.

    They are added to the finished list. A function that Flask calls after each request could only add them one by one,
    and Werkzeug would check and copy each: a tenth of the time of a poll.
    """

    def get_wsgi_response(self, environ: WSGIEnvironment) -> tuple[Iterable[bytes], str, list[tuple[str, str]]]:
        """Return the body, the status and the headers."""
        is_job = environ["PATH_INFO"].startswith(_JOB_PATHS)  # by path, so that impossible ids look like deleted jobs
        if is_job:
            self.headers.remove("Cache-Control")
        if self.response in ([], [b""]):  # such as that to OPTIONS, for which Flask would say text/html
            self.headers.remove("Content-Type")
        body, status, headers = super().get_wsgi_response(environ)
        if self.status_code != 304:  # it has no content, and the browser keeps the headers that came with the content
            is_https, has_policy = environ["wsgi.url_scheme"] == "https", _POLICY in self.headers  # of a result file
            headers += _headers(is_job, is_https, has_policy)
        if is_job:
            headers.append(("Cache-Control", "no-store"))
        return body, status, headers


def init_app(app: Flask) -> None:
    """Check every request, and set the headers of every response."""
    app.before_request(_check_request)
    app.response_class = SecureResponse


def _check_request() -> None:
    environ = request.environ
    if not request.host:  # it is not valid, so there would be none in links
        raise BadRequest
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


@cache
def _headers(is_job: bool, is_https: bool, has_policy: bool) -> Sequence[tuple[str, str]]:
    headers = (_JOB_HEADERS if is_job else _HEADERS) | (_HTTPS_HEADERS if is_https else {})
    return [header for header in headers.items() if not has_policy or header[0] != _POLICY]
