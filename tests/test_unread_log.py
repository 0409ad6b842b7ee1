"""Processes whose log nobody reads: a terminal is paused, or the log of the system hangs."""

import os
import signal
from pathlib import PosixPath
from typing import Any

import psutil
import pytest

from tests.conftest import PATIENCE, Installation, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.unmeasured]


class UnreadLog(PosixPath):
    """A pipe that is full, as soon as the test fills it."""

    def open(self, *_: Any, **__: Any) -> Any:
        """Open it for a process, which waits when the pipe is full."""
        return os.fdopen(os.open(self, os.O_RDWR), "wb", 0)

    def read_text(self, *_: Any, **__: Any) -> str:
        """Nobody reads it."""
        return ""

    def fill(self) -> None:
        """Write until there is no room for a byte."""
        pipe = os.open(self, os.O_RDWR | os.O_NONBLOCK)
        for size in (4096, 1):
            try:
                while True:
                    os.write(pipe, b"x" * size)
            except BlockingIOError:
                pass
        os.close(pipe)


def test_a_worker_stops_although_nobody_reads_its_log(own_installation: Installation) -> None:
    """Its job is requeued, and does not count as lost."""
    site = own_installation
    site.start("redis")
    site.log = log = UnreadLog(site.log.with_name("unread"))
    os.mkfifo(log)
    with log.open():
        site.start("worker")
        job = site.submit("diary", seconds=100.0)
        wait_for(lambda: site.store.find(job).phase == "running")
        log.fill()
        worker = psutil.Process(site.pid("worker"))
        site.signal("worker", signal.SIGTERM)
        assert worker.wait(PATIENCE) == 0
        record = site.store.find(job)
        assert (record.phase, record.attempts) == ("waiting", 0)
