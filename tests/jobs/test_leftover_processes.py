"""Which processes count as left behind by a worker that was killed. tests/test_processes.py kills whole workers."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple

import psutil
import pytest

from tests.conftest import PATIENCE, ROOT, wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has RLIMIT_RTTIME")

# A main process, its pool process, and a daemon without an environment.
WORKER = """
import os, subprocess, sys, time
from greeter.jobs.worker.leftover_processes import mark_pool_process, mark_worker
mark_worker(sys.argv[1])
if not os.fork():
    mark_pool_process()
    print(subprocess.Popen(["env", "-i", "setsid", "sleep", "300"], stdout=-3).pid, flush=True)
time.sleep(300)
"""
SWEEP = (
    "from greeter.jobs.worker.leftover_processes import terminate_all, mark_worker; mark_worker({!r}); terminate_all()"
)


class Family(NamedTuple):
    """The processes of a worker."""

    main: subprocess.Popen[str]
    daemon: psutil.Process


Start = Callable[[str], Family]


@pytest.fixture
def start() -> Iterator[Start]:
    """A function that starts a worker of an installation."""
    started: list[Family] = []

    def start_worker(installation: str) -> Family:
        command = [sys.executable, "-c", WORKER, installation]
        main = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
        assert main.stdout
        daemon = psutil.Process(int(main.stdout.readline()))
        started.append(Family(main, daemon))
        wait_for(lambda: daemon.name() == "sleep")
        return started[-1]

    yield start_worker
    for main, daemon in started:
        with suppress(ProcessLookupError):
            os.killpg(main.pid, signal.SIGKILL)
        with suppress(psutil.NoSuchProcess):
            daemon.kill()
        main.communicate()


def sweep(installation: str) -> None:
    """Start another worker of an installation, as far as it ends what others left behind."""
    subprocess.run([sys.executable, "-c", SWEEP.format(installation)], cwd=ROOT, check=True, timeout=PATIENCE)


def is_running(process: psutil.Process) -> bool:
    """Return whether a process is running, and no zombie."""
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def test_what_outlived_its_worker_is_ended(start: Start) -> None:
    """Its main process may still be a zombie, which no parent has waited for."""
    worker = start("one")
    worker.main.kill()
    os.waitid(os.P_PID, worker.main.pid, os.WEXITED | os.WNOWAIT)
    assert is_running(worker.daemon)
    sweep("one")
    assert not is_running(worker.daemon)


def test_all_others_survive(start: Start) -> None:
    """These are: what belongs to a living worker, even a suspended one, or to another installation."""
    living, other = start("one"), start("another")
    psutil.Process(living.main.pid).suspend()
    other.main.kill()
    other.main.wait()
    sweep("one")
    assert is_running(living.daemon)
    assert is_running(other.daemon)
    sweep("another")
    assert is_running(living.daemon)
    assert not is_running(other.daemon)


def test_a_lower_limit_is_left_as_it_is() -> None:
    """Without the right to raise it, there is no mark, and the worker starts nevertheless."""
    code = "import os, resource; resource.setrlimit(resource.RLIMIT_RTTIME, (9, 9)); os.getuid() or os.setuid(65534); "
    code = f"{SWEEP.format('one')}; {code}{SWEEP.format('one')}; print(resource.getrlimit(resource.RLIMIT_RTTIME))"
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert ended.stdout == "(9, 9)\n"
