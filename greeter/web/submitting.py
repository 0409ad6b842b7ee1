"""Submit a job with checked input, from a form or from the API."""

from errno import EDQUOT, EFBIG, ENOSPC

from flask import current_app
from wtforms import Form

from greeter.jobs.errors import Unfit
from greeter.jobs.submission import Filenames, Submission
from greeter.toolkit import FileField
from greeter.toolkit.tool import Params, Tool
from greeter.web.refusals import REFUSALS, Refusal
from greeter.web.services import services

_NO_SPACE = (ENOSPC, EDQUOT, EFBIG)
_RETRY_AFTER = 3600  # seconds, when a tool is not available


class Refused(Exception):
    """A submission was not accepted.

    Attributes:
        refusal: The response to it.
    """

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal


def submit(tool: Tool, params: Params, submission: Submission) -> str:
    """Submit a job with valid parameters.

    Returns:
        The id of the job, or of the one that the same submission created before.

    Raises:
        Refused: The tool is not available, the job needs too much memory, a limit is reached, or it cannot be stored.
    """
    if problem := services().availability.problem(tool):
        raise Refused(Refusal(503, _RETRY_AFTER, problem))
    if problem := tool.memory_problem(params, services().settings.job_memory):
        raise Refused(Refusal(422, None, problem))
    try:
        services().limits.count_submission()
        return services().jobs.submit(tool, params, submission)
    except tuple(REFUSALS) as error:
        raise Refused(refusal_of(error)) from error


def submitted_before(request_hash: str) -> str | None:
    """Return the id of the job that the same request created before, or None if it no longer exists.

    The request counts as a submission if there is one. Nothing else may refuse it, because the job was accepted.

    Args:
        request_hash: The hash of the request, as in `Submission.request_hash`.

    Raises:
        Refused: The client has submitted too often, or Redis is unavailable.
    """
    try:
        if job_id := services().jobs.store.find_created(request_hash):
            services().limits.count_submission()
    except tuple(REFUSALS) as error:
        raise Refused(refusal_of(error)) from error
    return job_id


def refusal_of(error: Exception) -> Refusal:
    """Return the response to a submission that failed with one of the exceptions in REFUSALS."""
    if isinstance(error, OSError) and error.errno not in _NO_SPACE:
        current_app.logger.error("refused a submission: %s", error)
        error = Unfit()
    return next(refusal for kind, refusal in REFUSALS.items() if isinstance(error, kind))


def filenames_of(form: Form) -> Filenames:
    """Return the names of a form's files on the visitor's computer, by the name of the parameter."""
    return {field.name: field.filenames for field in form if isinstance(field, FileField)}
