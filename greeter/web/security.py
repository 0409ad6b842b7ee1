"""The headers that make a browser keep to this site, and job pages out of caches and indexes."""

from flask import Flask, Response, request

_ALWAYS = [
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
]
# Who knows a job's address may see the job.
_OF_A_JOB = [("Cache-Control", "no-store"), ("Referrer-Policy", "no-referrer"), ("X-Robots-Tag", "noindex")]


def init_app(app: Flask) -> None:
    """Set the headers on every response."""
    app.after_request(_set_headers)


def _set_headers(response: Response) -> Response:
    if request.view_args and "job_id" in request.view_args:
        response.headers.remove("Cache-Control")
        response.headers.extend(_OF_A_JOB)
    response.headers.extend(_ALWAYS)
    return response
