"""The page on which a visitor asks for an email about the end of a job."""

import re

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import TooManyRequests

from greeter.jobs.errors import UNAVAILABLE
from greeter.jobs.mail.mails import AskOutcome, MailState
from greeter.jobs.record import Record
from greeter.web.job_context import context_of
from greeter.web.limits import client_address
from greeter.web.services import services

_LONGEST = 254  # characters of an email address (RFC 5321)
_WORD, _NAME = r"[\w.!#$%&'*+/=?^`{|}~-]+", r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_ADDRESS = re.compile(rf"(?!\.|.*\.\.|.*\.@){_WORD}@{_NAME}(?:\.{_NAME})+", re.ASCII | re.IGNORECASE)
"""What browsers accept in a field for one email address, with a domain, and with dots only between other characters."""

_REMOVABLE = (MailState.ASKED, MailState.DELAYED)
_NOT_AN_ADDRESS = "This is not an email address. Enter one like ada@example.org."
_LIMIT = (
    "No more emails can be sent to this address or for your jobs today. Bookmark the page of the job instead, or try "
    "again tomorrow."
)
_TOO_FAST = "You have reached the limit of submissions per minute. Wait a minute, then try again."
_UNAVAILABLE = "The address could not be stored. Wait a few seconds, then try again."

bp = Blueprint("mail", __name__)


@bp.get("/jobs/<job_id:job_id>/mail")
def form(job_id: str) -> ResponseReturnValue:
    """Show the form. It has a page of its own, because the page of an active job updates or reloads itself."""
    record = _find(job_id)
    return _page(record) if record.active or record.mail in _REMOVABLE else _back(job_id)


@bp.post("/jobs/<job_id:job_id>/mail")
def ask(job_id: str) -> ResponseReturnValue:
    """Store or change the address, or delete it."""
    record = _find(job_id)
    address = request.form.get("address", "").strip()
    try:
        services().limits.count_submission()
        if "remove" in request.form:
            services().jobs.store.mails.drop(job_id)
        elif len(address) > _LONGEST or not _ADDRESS.fullmatch(address):
            return _page(record, address, _NOT_AN_ADDRESS), 422
        else:
            page = url_for("jobs.job", job_id=job_id, _external=True)  # a worker does not know the site's URL
            if services().jobs.store.mails.ask(job_id, address, page, client_address()) == AskOutcome.LIMIT:
                return _page(record, address, _LIMIT), 429, {"Retry-After": "86400"}
    except TooManyRequests:
        return _page(record, address, _TOO_FAST), 429, {"Retry-After": "60"}
    except UNAVAILABLE:
        return _page(record, address, _UNAVAILABLE), 503, {"Retry-After": "5"}
    return _back(job_id)


def _find(job_id: str) -> Record:
    if not services().settings.smtp_url:
        abort(404)
    return services().find(job_id)


def _page(record: Record, address: str = "", problem: str = "") -> str:
    return render_template("mail.html", **context_of(record), address=address, problem=problem, longest=_LONGEST)


def _back(job_id: str) -> ResponseReturnValue:
    return redirect(url_for("jobs.job", job_id=job_id), 303)
