"""Runs a program for a job, and ends it, with everything that it started, as soon as the job's process is gone.

`python -I process_guard.py MEMORY FILE_SIZE PROGRAM ARGUMENT ...`, with the limits in bytes. Its standard input is a
pipe whose other end only the job's process holds: however that process ends, the pipe closes. On Linux, whatever the
program starts and leaves behind becomes a child of this process, so nothing can slip away.
"""

import ctypes
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

import psutil

_PARENT_DEATH_SIGNAL, _CHILD_SUBREAPER = 1, 36  # of Linux's prctl(2)


def main() -> int:
    """Run the program; returns its exit status, negative for a signal."""
    memory, file_size, *command = sys.argv[1:]
    _prctl(_CHILD_SUBREAPER, 1)

    def prepare() -> None:
        _limit(resource.RLIMIT_AS, int(memory))
        _limit(resource.RLIMIT_FSIZE, int(file_size))
        _limit(resource.RLIMIT_CORE, 0)
        _prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)

    program = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=prepare)  # as in job.py  # nosec B603
    threading.Thread(target=_end_all_with_the_job, daemon=True).start()
    status = program.wait()
    _end_all()
    return status


def _limit(kind: int, most: int) -> None:
    _, already = resource.getrlimit(kind)
    if already != resource.RLIM_INFINITY:
        most = min(most, already)  # nobody may raise what was lowered
    resource.setrlimit(kind, (most, most))


def _end_all_with_the_job() -> None:
    os.read(0, 1)
    _end_all()


def _end_all() -> None:
    while left := [child for child in psutil.Process().children(recursive=True) if _lives(child)]:
        for child in left:
            child.kill()
        time.sleep(0.01)
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value)


if __name__ == "__main__":
    status = main()
    sys.exit(status if status >= 0 else 128 - status)
