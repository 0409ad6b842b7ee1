"""What a process notices that a job has changed in it. tests/test_fitness.py shows that it is replaced then."""

import os
import resource
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable

import pytest

from greeter.jobs.worker.process_state import ProcessState


def sleepers(number: int) -> list[threading.Thread]:
    """Return threads that run for a minute once they are started."""
    return [threading.Thread(target=time.sleep, args=[60], daemon=True) for _ in range(number)]


KEPT: list[bytes] = []
CHANGES: dict[str, Callable[[], object]] = {
    "files open": lambda: [os.open("/dev/null", os.O_RDONLY) for _ in range(40)],
    "threads": lambda: list(map(threading.Thread.start, sleepers(10))),
    "memory": lambda: KEPT.append(bytes(600 * 2**20)),
    "working directory": lambda: os.chdir(tempfile.gettempdir()),
    "PATH": lambda: os.environ.update(PATH="/nowhere"),
    "umask": lambda: os.umask(0o777),
    "resource limits": lambda: resource.setrlimit(resource.RLIMIT_CPU, (600, 600)),
    "priority": lambda: os.nice(1),
    "CPU affinity": lambda: os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]),
    "blocked signals": lambda: signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1]),
    "user": lambda: os.setegid(65534),
    "handling of SIGCHLD": lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN),
    "functions of time": lambda: setattr(time, "sleep", lambda seconds: None),
    "standard streams": lambda: sys.__stderr__.close() if sys.__stderr__ else None,
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_is_named(what: str) -> None:
    """Without it, nothing has changed."""
    if what == "CPU affinity" and len(os.sched_getaffinity(0)) == 1:
        pytest.skip("needs two processors")
    if what == "user" and os.geteuid():
        pytest.skip("needs root")
    forked = os.fork()  # so that this process stays as it is
    if not forked:
        state = ProcessState()
        before = state.change()
        CHANGES[what]()
        os._exit(0 if before is None and what in str(state.change()) else 1)
    assert os.waitpid(forked, 0)[1] == 0
