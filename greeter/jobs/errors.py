"""The two kinds of failure: one that its user can act on, and everything else, which is a bug."""

from errno import EDQUOT, EFBIG, ENOSPC

from celery.exceptions import NotRegistered, SoftTimeLimitExceeded, TimeLimitExceeded, WorkerLostError

from greeter.toolkit.errors import ToolError

OUT_OF_MEMORY = "The job ran out of memory. Give the tool less to do at once, and run it again."
TIME_LIMIT_REACHED = (
    "The time limit was reached before there was a result. Give the tool less to do at once, and run it again."
)


class JobNotFound(LookupError):
    """No job has this id: it never existed, or it was removed."""


class QueueFull(Exception):
    """As many jobs wait as may."""


class TooManyJobs(Exception):
    """As many jobs of this client wait or run as may."""


FILE_TOO_LARGE = "A file grew larger than a job may write. Give the tool less to do at once, and run it again."
DISK_FULL = "The disk has no room for this job. Try again later; if it lasts, tell whoever runs this site."

_OF_THE_DISK = {ENOSPC: DISK_FULL, EDQUOT: DISK_FULL, EFBIG: FILE_TOO_LARGE}
_SENTENCES: dict[type[BaseException], str] = {
    SoftTimeLimitExceeded: TIME_LIMIT_REACHED,
    TimeLimitExceeded: TIME_LIMIT_REACHED,
    NotRegistered: "This tool is not offered here any more. Choose another one from the front page.",
    WorkerLostError: (
        "The process that ran this job was lost each time it was tried, perhaps for want of memory. "
        "Give the tool less to do at once, and run it again."
    ),
}


def explain(error: BaseException) -> str | None:
    """The sentence for the user of a job that `error` ended, or None when the error is our bug."""
    if isinstance(error, ToolError):
        return str(error)
    if isinstance(error, OSError) and error.errno in _OF_THE_DISK:
        return _OF_THE_DISK[error.errno]
    return next((text for kind, text in _SENTENCES.items() if isinstance(error, kind)), None)
