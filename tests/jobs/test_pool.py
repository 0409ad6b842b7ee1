"""How a worker notices that one of its processes has ended."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from errno import ENOSYS
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from billiard.context import ForkProcess
from kombu.asynchronous import Hub

from greeter.jobs.worker.pool import Pool
from tests.conftest import wait_for

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="only Linux has descriptors of processes")


class Watching(Pool):
    """A pool without processes of its own, that notes with which exit code one was noticed."""

    def __init__(self) -> None:
        self.noticed: list[int | None] = []

    def _event_process_exit(self, hub: Hub, process: ForkProcess) -> None:
        self.noticed.append(process.exitcode)
        hub.remove(vars(process)["_sentinel_poll"])


@pytest.fixture
def hub() -> Iterator[Hub]:
    """An event loop, as that of a worker."""
    one = Hub()
    yield one
    one.close()


def close_everything(ended: Path) -> None:
    """Close all descriptors, as the end of a process does first, and end later."""
    os.closerange(3, 1024)
    time.sleep(0.3)
    ended.touch()


def leave_a_child(ended: Path) -> None:
    """End, and leave a child that has all descriptors until the file is removed, which it does itself in the end."""
    ended.touch()
    if not os.fork():
        with suppress(pytest.fail.Exception):
            wait_for(lambda: not ended.exists())
        ended.unlink(missing_ok=True)


@pytest.mark.parametrize("function", [close_everything, leave_a_child])
def test_the_end_of_a_process_is_noticed_at_once(hub: Hub, tmp_path: Path, function: Callable[[Path], None]) -> None:
    """Not before, when it has only closed its descriptors, and although a child of it goes on."""
    ended, pool = tmp_path / "ended", Watching()
    process = ForkProcess(target=function, args=(ended,))
    process.start()
    pool._track_child_process(process, hub)
    pool._track_child_process(process, hub)  # as after a new connection
    while not pool.noticed:
        hub.run_once()
    assert (ended.exists(), pool.noticed) == (True, [0])
    ended.unlink()


def test_the_time_limit_of_a_job_that_has_ended_is_forgotten(hub: Hub) -> None:
    """Or a worker would grow with each job, until the time limit of the first one."""
    pool: Any = Watching()
    jobs = [SimpleNamespace(_job=number) for number in range(100)]
    for _ in range(2):  # the second time as after a new connection
        pool._create_timelimit_handlers(hub)
    for job in jobs:
        pool.on_timeout_set(job, None, 5300.0 - job._job)
    hub.call_later(10_000, print)
    for job in jobs[1:]:
        pool.on_timeout_cancel(job)
    assert [list(timer[-1].args) for timer in sorted(hub.timer._queue)] == [[0], []]


def test_without_descriptors_of_processes_the_pipe_is_watched(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel before Linux 5.3, or the sandbox of a container, refuses them, and the worker has to start there."""

    def refuse(pid: int) -> int:
        raise OSError(ENOSYS, os.strerror(ENOSYS))

    monkeypatch.setattr(os, "pidfd_open", refuse)
    pool, process = Watching(), ForkProcess(target=time.sleep, args=(0.1,))
    process.start()
    pool._track_child_process(process, hub)
    while not pool.noticed:
        hub.run_once()
    process.join()
    assert process.exitcode == 0
