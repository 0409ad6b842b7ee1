"""The exceptions of the API, and their responses."""

from collections.abc import Mapping
from itertools import islice

from flask import Response
from wtforms import Form

from greeter.web.api.operations import Answer, bp
from greeter.web.api.schemas import COUNT, about, component, list_of, object_of, text
from greeter.web.errors import missing_file
from greeter.web.input.forms import current_request
from greeter.web.input.submitting import Refused
from greeter.web.problems import MEDIA_TYPE, limit_reached, problem
from greeter.web.template_filters import first_error

_MOST_ERRORS, _LONGEST_NAME = 20, 80  # characters; a request can have thousands of wrong fields
OGC = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/"
KINDS = ("no-such-process", "no-such-job", "result-not-ready")  # those of OGC

_ERROR = object_of({"field": text("The name of the field."), "detail": text("What to do.")})
PROBLEM = component(
    "Problem",
    {
        "title": text("What is wrong, the same for each problem of this kind."),
        "status": about("The HTTP status.", COUNT),
        "detail": text("What is wrong here, and what to do."),
        "reference": text("The start of the request's line in the log of this site. Quote it to the operators."),
    },
    {
        "type": text(
            "The kind of problem; about:blank or missing if it has only a status. If a limit is reached, it ends in # "
            "and the name of the limit in /api/v1/limits.",
            format="uri-reference",
            examples=[*(f"{OGC}{kind}" for kind in KINDS), "/api#activeJobs"],
        ),
        "errors": about("The inputs that are not valid, 20 at most; missing if no single input is.", list_of(_ERROR)),
    },
)


def not_yet(description: str) -> Answer:
    """Describe the response to a request that cannot be answered, or only after the end of the job."""
    until_then = "with Retry-After while the job has not ended"
    return Answer(f"{description} ({until_then}).", PROBLEM, (), ("Retry-After",), MEDIA_TYPE)


class Problem(Exception):
    """A request that cannot be answered. The arguments are those of `problems.problem`."""

    def __init__(
        self, status: int, title: str, detail: str, headers: Mapping[str, str] | None = None, **members: object
    ) -> None:
        super().__init__(detail)
        self.response = problem(status, title, detail, headers, **members)


def invalid(problems: Mapping[str, str], status: int = 422) -> Problem:
    """Return the problem of inputs that are not valid, given what is wrong with each field, and what to do."""
    shown = islice(problems.items(), _MOST_ERRORS)
    errors = [{"field": name[:_LONGEST_NAME], "detail": detail} for name, detail in shown]
    detail = " ".join(f"{error['field']}: {error['detail']}" for error in errors)
    if others := len(problems) - len(errors):
        detail += f" Correct these first; there are {others:,} others."
    return Problem(status, "The inputs are not valid", detail, errors=errors)


def form_problem(form: Form) -> Problem:
    """Return the problem of a form that is not valid, with the sentences that its page would show."""
    status = 413 if current_request().uploads.has_dropped else 422
    return invalid({field.name: first_error(field.errors) for field in form if field.errors}, status)


@bp.after_request
def _condition_failed(response: Response) -> Response:
    """Replace the content that Werkzeug sends although the header If-Match names another one."""
    if response.status_code != 412:
        return response
    response.close()
    return problem(412, "The content is not what If-Match names", "Send the request without the header If-Match.")


@bp.errorhandler(Problem)
def _problem(error: Problem) -> Response:
    return error.response


@bp.errorhandler(Refused)
def _refused(error: Refused) -> Response:
    refusal = error.refusal
    kind = limit_reached(refusal.limit) if refusal.limit else {}
    return problem(refusal.status, "The job was not accepted", refusal.detail, refusal.headers, **kind)


bp.register_error_handler(FileNotFoundError, missing_file)
