"""What keeps a browser to this site: the headers of every response, and the refusal of what another site asks for."""

from __future__ import annotations

from flask import Flask, Response, current_app, request
from werkzeug.exceptions import Forbidden, RequestEntityTooLarge, UnsupportedMediaType

_ALWAYS = {
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
# Who knows a job's address may see the job.
_OF_A_JOB = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}
_ONCE_HTTPS_ALWAYS_HTTPS = {"Strict-Transport-Security": "max-age=31536000"}


def init_app(app: Flask) -> None:
    """Look at every request, and set the headers of every response."""
    app.before_request(_refuse_compressed)
    app.before_request(_refuse_other_sites)
    app.before_request(_refuse_many_fields)
    app.after_request(_set_headers)


def _refuse_compressed() -> None:
    # Nothing here unpacks, so a small request can never become a large one.
    if request.content_encoding not in (None, "", "identity"):
        raise UnsupportedMediaType


def _refuse_other_sites() -> None:
    """Let only pages of this site change something, and scripts, which say nothing of where they come from.

    As the OWASP Cross-Site Request Forgery Prevention Cheat Sheet advises: browsers send Sec-Fetch-Site over https,
    and Origin without it.
    """
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    ours = origin in (None, f"{request.scheme}://{request.host}") if site is None else site in ("same-origin", "none")
    if not ours:
        raise Forbidden


def _refuse_many_fields() -> None:
    # A field costs a hundred times its bytes, and MAX_FORM_PARTS limits only multipart forms.
    urlencoded = request.mimetype == "application/x-www-form-urlencoded"
    if urlencoded and request.get_data().count(b"&") >= current_app.config["MAX_FORM_PARTS"]:
        raise RequestEntityTooLarge


def _set_headers(response: Response) -> Response:
    response.headers.update(_ALWAYS)
    if request.path.startswith("/jobs/"):  # by the path, so that what cannot be a job looks like one that is gone
        response.headers.update(_OF_A_JOB)
    if request.is_secure:
        response.headers.update(_ONCE_HTTPS_ALWAYS_HTTPS)
    return response
