"""Run a program for a job, and kill it and all its descendants when the job's process ends.

Usage: `python -I process_guard.py MEMORY FILE_SIZE PROGRAM ARGUMENT ...`, with the limits in bytes. Only the job's
process has the other end of the pipe that is this script's standard input. The pipe closes when that process ends for
any reason. On Linux, orphaned descendants of the program become children of this process, so none can escape.
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

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # from <linux/prctl.h>


def main() -> int:
    """Run the program, and return its exit status: negative if a signal ended it."""
    memory, file_size, *command = sys.argv[1:]
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)

    def limit_program() -> None:
        _limit(resource.RLIMIT_AS, int(memory))
        _limit(resource.RLIMIT_FSIZE, int(file_size))
        _limit(resource.RLIMIT_CORE, 0)
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    program = subprocess.Popen(  # the job chose the command  # nosec B603
        command, stdin=subprocess.DEVNULL, preexec_fn=limit_program
    )
    threading.Thread(target=_kill_when_the_job_ends, daemon=True).start()
    status = program.wait()
    _kill_descendants()
    return status


def _limit(kind: int, value: int) -> None:
    _, hard_limit = resource.getrlimit(kind)
    if hard_limit != resource.RLIM_INFINITY:
        value = min(value, hard_limit)  # a hard limit cannot be raised
    resource.setrlimit(kind, (value, value))


def _kill_when_the_job_ends() -> None:
    os.read(0, 1)  # returns when the pipe closes
    _kill_descendants()


def _kill_descendants() -> None:
    # A descendant may fork while it is being killed, so repeat until none is left.
    while running := [child for child in psutil.Process().children(recursive=True) if _is_running(child)]:
        for child in running:
            child.kill()
        time.sleep(0.01)
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _is_running(process: psutil.Process) -> bool:
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
