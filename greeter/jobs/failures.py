"""Why a job fails: what its record keeps of that, and what its user should do."""

import signal
from errno import EAGAIN, EDQUOT, EFBIG, EIO, ENFILE, ENOMEM, ENOSPC, ESTALE
from types import TracebackType
from typing import Self

from celery.exceptions import NotRegistered, SoftTimeLimitExceeded, TimeLimitExceeded, WorkerLostError

from greeter.jobs.errors import ToolChanged
from greeter.toolkit.errors import ProgramError, ToolError
from greeter.toolkit.json_types import JSONObject

_LONGEST_MESSAGE, _LONGEST_NAME, _LONGEST_OUTPUT = 1000, 200, 2000  # characters
_MOST_FRAMES = 1000  # as deep as Python's own limit lets a tool go

_SMALLER = "Submit the data in smaller parts, each as a new job."
_OR_WRITE = "If that does not help, write to the operators of this site."
_LATER = "Try again later; if it happens again, write to the operators of this site."
OUT_OF_MEMORY = f"The job ran out of memory. {_SMALLER}"
TIME_LIMIT_REACHED = f"The job reached its time limit without a result. {_SMALLER}"
FILE_TOO_LARGE = f"The job wrote a file that is too large. {_SMALLER}"
RESULT_TOO_LARGE = f"The result is too large to be shown. {_SMALLER} {_OR_WRITE}"
TOO_MANY_BYTES = (
    "The files of your jobs have reached the limit for one visitor. Delete jobs that you no longer need, and run this "
    f"one again. If that does not help: {_SMALLER[0].lower()}{_SMALLER[1:]}"
)
TOO_MANY_FILES = f"The job wrote too many files. {_SMALLER} {_OR_WRITE}"
DISK_FULL = f"There is not enough disk space for this job. {_LATER}"
DISK_ERROR = f"A disk of the machine that ran this job has errors. {_LATER}"
NO_PROCESS = f"The machine that ran this job could not start another process. {_LATER}"
CHANGED_PROCESS = "The tool broke its own process, which could not continue. Write to the operators of this site."
TOOL_REMOVED = f"No worker of this site has this tool at the moment. Choose another one on the front page. {_LATER}"
TOOL_CHANGED = (
    "This tool was updated, and no worker has the version that this job was submitted for. Your input is kept: "
    'choose "Edit and run again". If that job fails too, write to the operators of this site.'
)
INPUT_REMOVED = "A file that you submitted for this job is no longer there. Submit it again, as a new job."
CRASHED = f"The process running this job crashed on every attempt, most likely because it ran out of memory. {_SMALLER}"
LOST = f"The process running this job was lost on every attempt, possibly because it ran out of memory. {_SMALLER}"


class ToolFailure(Exception):
    """What a tool raised, reduced to what is stored of it.

    Celery sends it to the worker's main process, which a large exception would fill, and code of its own could end.
    """

    def __init__(self, summary: str, user_message: str | None, result: JSONObject) -> None:
        super().__init__(summary, user_message, result)  # what pickle needs
        self.summary, self.user_message, self.result = summary, user_message, result

    def __str__(self) -> str:
        return self.summary

    __repr__ = __str__  # for Flower, which should not see the result

    @classmethod
    def summarize(cls, error: BaseException) -> Self:
        """Return the failure of a job whose tool raised this."""
        failure = cls(f"{_name(error)}: {_message(error)}", user_message(error), failure_result(error))
        return failure.with_traceback(_last_frames(error.__traceback__))


# C libraries often crash when memory cannot be allocated.
_CRASHES = (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT)
_BY_ERRNO = {
    ENOSPC: DISK_FULL,
    EDQUOT: DISK_FULL,
    EFBIG: FILE_TOO_LARGE,
    ENOMEM: OUT_OF_MEMORY,
    EAGAIN: NO_PROCESS,
    ENFILE: NO_PROCESS,
    EIO: DISK_ERROR,
    ESTALE: DISK_ERROR,
}
_BY_TYPE: dict[type[BaseException], str] = {
    SoftTimeLimitExceeded: TIME_LIMIT_REACHED,
    TimeLimitExceeded: TIME_LIMIT_REACHED,
    NotRegistered: TOOL_REMOVED,
    ToolChanged: TOOL_CHANGED,
    WorkerLostError: LOST,
}


def user_message(error: BaseException) -> str | None:
    """Return the message for the user of a job that failed with `error`, or None if the error is a bug."""
    if isinstance(error, ToolFailure):
        return error.user_message
    if isinstance(error, ToolError):
        return _message(error)
    if isinstance(error, OSError):
        return _BY_ERRNO.get(error.errno or 0)
    if type(error) is RuntimeError and _text(error) == "can't start new thread":  # as CPython says
        return NO_PROCESS
    if isinstance(error, WorkerLostError) and any(crash.name in str(error) for crash in _CRASHES):
        return CRASHED
    return next((message for kind, message in _BY_TYPE.items() if isinstance(error, kind)), None)


def is_shortage(error: BaseException) -> bool:
    """Return whether the system refused to start a process or a thread, or to open any more files."""
    return user_message(error) == NO_PROCESS


def is_disk_error(error: BaseException) -> bool:
    """Return whether a disk, perhaps that of a file server, could not read or write something."""
    return user_message(error) == DISK_ERROR


def failure_result(error: BaseException) -> JSONObject:
    """Return the result of a failed job: the error as Celery's backends store it, and what its user sees of it."""
    if isinstance(error, ToolFailure):
        return error.result
    output = getattr(error, "output", "") if isinstance(error, ProgramError) else ""
    return {
        "exc_type": _name(error),
        "exc_message": [_message(error)],
        "exc_module": _text(type(error).__module__)[:_LONGEST_NAME],
        "user_message": user_message(error),
        "output": _text(output)[-_LONGEST_OUTPUT:],
    }


def _name(error: BaseException) -> str:
    return _text(type(error).__qualname__)[:_LONGEST_NAME]


def _message(error: BaseException) -> str:
    """Return the message of an error, shortened."""
    text = _text(error)
    return text if len(text) <= _LONGEST_MESSAGE else text[:_LONGEST_MESSAGE] + " ..."


def _text(value: object) -> str:
    """Return what a tool raised as a plain `str`: a subclass can have code for pickle."""
    try:
        return str.__str__(str(value))
    except BaseException:  # a bug in the tool's own exception
        return ""


def _last_frames(trace: TracebackType | None) -> TracebackType | None:
    """Return the end of a traceback, which Celery sends as text."""
    frames = []
    while trace:
        frames.append(trace)
        trace = trace.tb_next
    return frames[-_MOST_FRAMES:][0] if frames else None
