"""What each HTTP status of an error means and what to do next, and errors for scripts, as RFC 9457 describes them."""

import json
from collections.abc import Mapping
from http import HTTPStatus

from flask import Response, url_for

from greeter.logs import REQUEST

MEDIA_TYPE = "application/problem+json"
# Title and advice by HTTP status.
_TEXTS = {
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
        "Go back to the form, which still contains your input. Submit less data, no more than 100 files and fields, or "
        "upload a file instead of pasting text. The form shows the limits.",
    ),
    414: ("This address is too long", "Remove parts of it that you do not need, such as filters, and open it again."),
    415: ("Compressed requests are not supported", "Send the request again without a Content-Encoding header."),
    429: (
        "Too many requests",
        "Wait a minute, then reload this page. The jobs that you have submitted are not affected.",
    ),
    431: (
        "The headers of this request are too large",
        "Delete the cookies that your browser keeps for this address, then try again.",
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
# What a script does next, by HTTP status, where the page of the error speaks of a form or of reloading.
_ADVICE = {
    400: "Check the host name, and the request against the description of the API at /api, then send it again.",
    404: "Check the address against the description of the API at /api. A job may also have been deleted.",
    405: "Use one of the methods in the header Allow of this response.",
    413: "Send less data. The limits are at /api/v1/limits.",
    414: "Shorten the address, then send the request again.",
    416: "Send the request without the header Range, or ask for bytes that the file has.",
    417: "Send the request without the header Expect.",
    429: "Wait for the seconds in the header Retry-After, then send it again. Your jobs are not affected.",
    431: "Send fewer or shorter headers, then send the request again.",
    500: "Try again. If it happens again, write to the contact in /api/openapi.json, with the reference.",
    501: "Send the body with a Content-Length, or in chunks, without any other Transfer-Encoding.",
    503: "Your jobs are safe. Wait for the seconds in the header Retry-After, then send the request again.",
    505: "Send the request again with HTTP/1.1.",
}


def explain(status: int) -> tuple[str, str]:
    """Return what happened and what a visitor can do next, for an HTTP status."""
    general = "Go back and try again, or start from the front page."
    return _TEXTS.get(status) or (HTTPStatus(status).phrase, general)


def error_problem(status: int, headers: Mapping[str, str]) -> Response:
    """Make the response of the API to an error for which there is a page otherwise."""
    title, advice = explain(status)
    kind = limit_reached("requestsPerMinute") if status == HTTPStatus.TOO_MANY_REQUESTS else {}
    return problem(status, title, _ADVICE.get(status, advice), headers, **kind)


def limit_reached(name: str) -> dict[str, str]:
    """Return the type of the problem that a limit is reached, given its name in /api/v1/limits, which /api explains."""
    return {"type": f"{url_for('api.show_page')}#{name}"}


def problem(
    status: int, title: str, detail: str, headers: Mapping[str, str] | None = None, **members: object
) -> Response:
    """Make the response to a request that failed.

    Args:
        status: The HTTP status.
        title: What is wrong, the same for each problem of this kind.
        detail: What is wrong here, and what to do, as a page would say it.
        headers: Further headers.
        **members: Further members of the JSON object, such as `type` and `errors`.

    Returns:
        The response. Its `reference` is the id of the request in the log.
    """
    body = {"title": title, "status": status, "detail": detail, "reference": REQUEST.get(), **members}
    return Response(json.dumps(body), status, headers, content_type=MEDIA_TYPE)
