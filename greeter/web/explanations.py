"""What each HTTP status of an error means for a visitor, and what to do next."""

from http import HTTPStatus

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


def explain(status: int) -> tuple[str, str]:
    """Return what happened and what to do next, for an HTTP status."""
    general = "Go back and try again, or start from the front page."
    return _TEXTS.get(status) or (HTTPStatus(status).phrase, general)
