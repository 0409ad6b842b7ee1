"""Submit a job with checked input, from a form or from the API, or say why it is not accepted and what to do next."""

from errno import EDQUOT, EFBIG, ENOSPC
from typing import NamedTuple

from flask import current_app
from werkzeug.exceptions import TooManyRequests

from greeter.jobs import errors
from greeter.jobs.failures import DISK_FULL
from greeter.jobs.submission import Submission
from greeter.toolkit.tool import Params, Tool
from greeter.web.services import services

_NO_SPACE = (ENOSPC, EDQUOT, EFBIG)
_RETRY_TOOL = 3600  # seconds, when a tool is not available
RETRY_AFTER = 5  # seconds, when Redis or DATA_DIR does not answer


class Refusal(NamedTuple):
    """The response to a submission that is not accepted."""

    status: int
    retry_after: int | None  # seconds after which it may be sent again, or None if it will be refused again
    problem: str  # why it was refused
    advice: str = ""  # what to do, after "Your input is saved below;" on the page; empty if the problem says it
    limit: str = ""  # the name in /api/v1/limits of the limit that is reached

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the response."""
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}

    @property
    def message(self) -> str:
        """The message for the page of the form."""
        return f"{self.problem} Your input is saved below{'; ' * bool(self.advice)}{self.advice or '.'}"

    @property
    def detail(self) -> str:
        """The message for a script."""
        return f"{self.problem} {self.advice[:1].upper()}{self.advice[1:]}".rstrip()


REFUSALS: dict[type[Exception], Refusal] = {
    errors.QueueFull: Refusal(503, 300, "The queue is full.", "try again in a few minutes.", "waitingJobsOfAll"),
    errors.TooManyJobs: Refusal(
        429,
        60,
        "You have reached the limit of jobs that one visitor can have waiting or running.",
        "submit it again when one of your jobs has ended, or cancel one.",
        "activeJobs",
    ),
    TooManyRequests: Refusal(
        429,
        60,
        "You have reached the limit of submissions per minute.",
        "wait a minute, then submit it again.",
        "submissionsPerMinute",
    ),
    errors.TooManyBytes: Refusal(
        429,
        3600,
        "The files of your jobs have reached the limit for one visitor.",
        "delete jobs that you no longer need, then submit it again. Waiting alone does not help.",
        "keptBytes",
    ),
    errors.StorageFull: Refusal(
        503,
        3600,
        "The files of all jobs have reached the limit of this site.",
        "delete jobs that you no longer need, and submit it again later.",
        "keptBytesOfAll",
    ),
    errors.DatabaseRemoved: Refusal(
        503, 1, "The database was removed a moment ago.", "choose another one, and submit it again."
    ),
    errors.Unfit: Refusal(503, 60, "This site cannot store jobs at the moment.", "try again in a few minutes."),
    OSError: Refusal(503, 300, DISK_FULL),
    errors.NotConfirmed: Refusal(
        503, RETRY_AFTER, "The job could not be stored safely in time.", "wait a few seconds, then submit it again."
    ),
} | dict.fromkeys(
    errors.UNAVAILABLE,
    Refusal(503, RETRY_AFTER, "The queue is unavailable at the moment.", "wait a few seconds, then submit it again."),
)
"""The refusal for each exception that JobService.submit or Limits.count_submission raises."""


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
        raise Refused(Refusal(503, _RETRY_TOOL, problem))
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
        error = errors.Unfit()
    return next(refusal for kind, refusal in REFUSALS.items() if isinstance(error, kind))
