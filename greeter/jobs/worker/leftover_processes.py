"""End the processes left by a worker that was killed together with all its guards (Linux only).

A worker marks itself and all its descendants with a number, their hard RLIMIT_RTTIME. Unlike an environment variable,
every process inherits it, even one that clears its environment. It limits only real-time processes, to 73,000 years.
The soft limit of a main process equals its mark; that of its descendants does not. This shows whether the main process
of a marked process still exists.
"""

import hashlib
import resource
import sys
import time
from contextlib import suppress
from secrets import randbits

import psutil

from greeter.toolkit.process_guard import terminate

_SECONDS = 1  # after which ending processes is given up, because they may start others
_INSTALLATION_BITS, _WORKER_BITS = 24, 37
_SMALLEST = 1 << (_INSTALLATION_BITS + _WORKER_BITS)  # microseconds


def mark_worker(installation: str) -> None:
    """Mark this process, the main one of a worker of the installation with this id, and all that it will start."""
    if sys.platform != "linux":
        return
    number = int.from_bytes(hashlib.sha256(installation.encode()).digest()) % (1 << _INSTALLATION_BITS)
    mark = _SMALLEST | number << _WORKER_BITS | randbits(_WORKER_BITS)
    with suppress(ValueError):  # the limit is lower already, and only root may raise it
        resource.setrlimit(resource.RLIMIT_RTTIME, (mark, mark))


def mark_pool_process() -> None:
    """Distinguish this process and what it will start from the main process."""
    if sys.platform == "linux" and _is_mark(mark := _limits()[1]):
        resource.setrlimit(resource.RLIMIT_RTTIME, (mark - 1, mark))


def terminate_all() -> None:
    """Terminate the marked processes of this installation whose main process is gone.

    It gives up after a second, because a process that waits for a disk cannot be killed. Call it again later.
    """
    own, end_at = _limits()[1], time.monotonic() + _SECONDS
    while _is_mark(own) and (found := _leftover(own)):
        terminate(found)
        if time.monotonic() > end_at:
            break


def _leftover(own: int) -> list[psutil.Process]:
    suspects = [pid for pid in psutil.pids() if _is_of_another_worker(_limits(pid)[1], own)]
    if not suspects:  # the usual case
        return []
    found = {}
    for pid in suspects:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)  # psutil does not end a later process with the same id
            if _is_of_another_worker(mark := _limits(pid)[1], own) and process.status() != psutil.STATUS_ZOMBIE:
                found[process] = mark
    # Only now, because a main process starts before those that it marks.
    alive = {_living_main(pid) for pid in psutil.pids()}
    return [process for process, mark in found.items() if mark not in alive]


def _living_main(pid: int) -> int:
    """Return the mark of a process if it is the main process of a worker, or 0."""
    soft, hard = _limits(pid)
    with suppress(psutil.NoSuchProcess):
        if soft == hard and _is_mark(hard) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            return hard
    return 0


def _is_of_another_worker(mark: int, own: int) -> bool:
    return _is_mark(mark) and mark != own and mark >> _WORKER_BITS == own >> _WORKER_BITS


def _is_mark(limit: int) -> bool:
    return _SMALLEST <= limit < 2 * _SMALLEST


def _limits(pid: int = 0) -> tuple[int, int]:
    """Return the soft and hard RLIMIT_RTTIME of a process, by default this one; zeros where it cannot be read."""
    if sys.platform == "linux":
        with suppress(OSError):  # it has ended, or belongs to another user
            return resource.prlimit(pid, resource.RLIMIT_RTTIME)
    return 0, 0
