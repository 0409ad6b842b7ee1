"""Run a program for a job, and end it and all its descendants when the job's process ends.

Usage: `python -I process_guard.py MEMORY FILE_SIZE PROGRAM ARGUMENT ...`, with the limits in bytes. Only the job's
process has the other end of the pipe that is this script's standard input. The pipe closes when that process ends for
any reason. On Linux, orphaned descendants of the program become children of this process, so none can escape.

Processes get TERM, and KILL a moment later. A client such as srun, whose program runs on another machine, uses that
moment to end it; after KILL alone, it would continue there.

`process_trees` has what a worker needs for a guard that was killed or suspended. This script imports no other module of
greeter, so that programs start fast.
"""

import ctypes
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress

import psutil

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # from <linux/prctl.h>
_GRACE, _INTERVAL = 1, 0.01  # seconds between TERM and KILL, and between two checks
NO_PROCESS_SIGNAL = signal.SIGUSR2


def main() -> int:
    """Run the program, and return its exit status: negative if a signal ended it.

    If the system refuses to start it, this process ends by a signal of its own, because a program may have any status.
    """
    memory, file_size, *command = sys.argv[1:]
    adopt_orphans()
    # The programs get the same TERM. A handler, unlike SIG_IGN, is not inherited by them.
    signal.signal(signal.SIGTERM, lambda number, frame: None)

    def limit_program() -> None:
        _limit(resource.RLIMIT_AS, int(memory))
        _limit(resource.RLIMIT_FSIZE, int(file_size))
        _limit(resource.RLIMIT_CORE, 0)
        die_with_parent()

    try:
        program = subprocess.Popen(  # the job chose the command  # nosec B603
            command, stdin=subprocess.DEVNULL, preexec_fn=limit_program
        )
        threading.Thread(target=_kill_when_the_job_ends, daemon=True).start()
    except (BlockingIOError, RuntimeError):  # the limit of processes is reached
        terminate_descendants()
        os.kill(os.getpid(), NO_PROCESS_SIGNAL)
        raise
    status = program.wait()
    terminate_descendants()
    return status


def adopt_orphans() -> None:
    """Make this process the parent of its orphaned descendants, which they cannot prevent (Linux only)."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent() -> None:
    """Have the kernel kill this process when the thread that started it ends (Linux only)."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def terminate_descendants() -> None:
    """Terminate all descendants of this process, and return when none is left.

    This process must adopt orphans. Then every descendant is its child or has an ancestor that is, so none is left
    when it has no child. A list of processes would not show that: they fork and are adopted while it is made.
    """
    if _has_children():
        terminate(psutil.Process().children(recursive=True))
    while _has_children():
        kill(psutil.Process().children(recursive=True))
        time.sleep(0.001)


def terminate(processes: Sequence[psutil.Process]) -> None:
    """Send TERM to processes, and KILL, children first, if one of them is left after a moment."""
    for process in processes:
        with suppress(psutil.Error):
            process.terminate()
    for _ in range(int(_GRACE / _INTERVAL)):  # not by the clock: if the machine is suspended, the processes are too
        if not any(map(_is_alive, processes)):
            return
        time.sleep(_INTERVAL)
    kill(processes[::-1])


def _is_alive(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False


def _limit(kind: int, value: int) -> None:
    _, hard_limit = resource.getrlimit(kind)
    if hard_limit != resource.RLIM_INFINITY:
        value = min(value, hard_limit)  # a hard limit cannot be raised
    resource.setrlimit(kind, (value, value))


def _kill_when_the_job_ends() -> None:
    os.read(0, 1)  # returns when the pipe closes
    terminate_descendants()


def _has_children() -> bool:
    """Reap the children that have ended, and return whether there are others."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def kill(processes: Iterable[psutil.Process]) -> None:
    """Send KILL to processes, without waiting until they have ended."""
    for process in processes:
        with suppress(psutil.Error):
            process.kill()


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value)


if __name__ == "__main__":
    status = main()
    sys.exit(status if status >= 0 else 128 - status)
