"""Whether a job has changed its process in a way that would affect later jobs."""

import os
import resource
import signal
import sys
import threading
import time

from greeter.jobs.worker.resource_limits import settle_memory

_MAX_NEW_DESCRIPTORS = 32  # that jobs may leave open in a process
_MAX_NEW_THREADS = 8
_MAX_NEW_MEMORY = 512 * 2**20  # bytes: a tool may keep a small model, but each of its jobs may leak
_LIMITS = [number for name, number in vars(resource).items() if name.startswith("RLIMIT_")]


class ProcessState:
    """The state in which a pool process starts. A process that a job has changed is replaced before the next job."""

    def __init__(self) -> None:
        self._settings = _settings()
        self._descriptors, self._threads = _descriptors(), threading.active_count()
        self._memory = settle_memory()

    def change(self) -> str | None:
        """Return why the process should be replaced: how its jobs have changed it. None if they have not."""
        try:
            if _descriptors() > self._descriptors + _MAX_NEW_DESCRIPTORS:
                return "its jobs left too many files open"
            if threading.active_count() > self._threads + _MAX_NEW_THREADS:
                return "its jobs left too many threads running"
            if settle_memory() > self._memory + _MAX_NEW_MEMORY:
                return "its jobs left too much memory in use"
            changed = [name for name, value in _settings().items() if value != self._settings[name]]
            return f"its jobs changed its {', '.join(changed)}" if changed else None
        except OSError as error:  # no descriptor is left, or the working directory was removed
            return f"its state cannot be read: {error.strerror}"


def _descriptors() -> int:
    return len(os.listdir("/dev/fd"))  # noqa: PTH208  for each job, and it takes half as long


def _settings() -> dict[str, object]:
    umask = os.umask(0o077)
    os.umask(umask)
    return {
        "working directory": os.getcwd(),  # noqa: PTH109  for each job, and Path.cwd() takes ten times as long
        "PATH": os.environ.get("PATH"),  # programs get it, and nothing else of the environment
        "umask": umask,
        "user": (os.geteuid(), os.getegid()),
        "resource limits": [resource.getrlimit(limit) for limit in _LIMITS],
        "priority": os.getpriority(os.PRIO_PROCESS, 0),
        # macOS has no affinity.
        "CPU affinity": os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None,
        "blocked signals": signal.pthread_sigmask(signal.SIG_BLOCK, ()),
        "handling of SIGCHLD": signal.getsignal(signal.SIGCHLD),  # if ignored, the status of programs is lost
        "functions of time": (time.time, time.monotonic, time.sleep),
        "standard streams": [bool(stream and stream.closed) for stream in (sys.stdout, sys.stderr, sys.__stderr__)],
    }
