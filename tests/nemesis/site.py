"""The site that the nemesis attacks: faults overlap, so a process may need long to start, or several attempts."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from http.client import HTTPException
from pathlib import Path

import psutil
import pytest
from redis import RedisError

from tests.conftest import Installation, small_disk, wait_for
from tests.http import fetch

WORKERS = ("worker", "worker-2")
PROCESSES = ("redis", "web", *WORKERS)

_TIME_TO_START = 60  # seconds
_TIME_TO_RECOVER = 120  # seconds, for each process and then for the site


class Site(Installation):
    """An installation whose processes are restarted as by a supervisor: whenever they end, without a time limit.

    Args:
        disk: Its DATA_DIR.
        folder: A folder for what must not be on that disk.

    Attributes:
        exits: How often processes ended by themselves, by name and status.
        slow: How often processes did not answer within a minute after their start.
    """

    def __init__(self, disk: Path, folder: Path) -> None:
        super().__init__(disk, min_free_bytes=20_000_000)
        self.log = folder / "log"
        self.more_environ = {"worker": {"DIARY": str(folder / "diary")}}
        self.exits: Counter[tuple[str, int]] = Counter()
        self.slow: Counter[str] = Counter()

    def restart(self, name: str) -> None:
        """Start a process, again whenever it ends, until it answers. Other faults may delay that, so go on then."""
        self.launch(name)
        end = time.monotonic() + _TIME_TO_START
        while not self.answers(name):
            if time.monotonic() > end:
                self.slow[name] += 1
                break
            self.revive(name)
            time.sleep(0.2)

    def revive(self, name: str) -> None:
        """Start a process if it has ended by itself."""
        if (status := self.status(name)) is not None:
            self.exits[name, status] += 1
            time.sleep(1)
            self.launch(name)

    def recover(self) -> list[str]:
        """Return what does not work again after the last fault."""
        found = []
        for name in PROCESSES:
            try:
                wait_for(partial(self._is_up, name), _TIME_TO_RECOVER)
            except pytest.fail.Exception as error:
                found.append(f"{name} does not answer: {error}")
        try:
            wait_for(self._is_ready, _TIME_TO_RECOVER)
        except pytest.fail.Exception:
            found.append(f"not ready: {fetch(self, '/health/ready').body} {self.store.statistics()}")
        return found

    def unexpected_exits(self) -> list[str]:
        """Return which processes ended by themselves."""
        return [f"{name} ended by itself: {status}" for name, status in self.exits]

    def programs(self) -> list[psutil.Process]:
        """Return the programs that tools of this site started and that are still running."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("HOME", "").startswith(str(self.settings.data_dir)):
                    found.append(process)
        return found

    def _is_up(self, name: str) -> bool:
        self.revive(name)
        return self.answers(name)

    def _is_ready(self) -> bool:
        with suppress(OSError, HTTPException, RedisError):
            statistics = self.store.statistics()
            workers = statistics.workers, len(statistics.unfit)
            return fetch(self, "/health/ready").status == 200 and workers == (len(WORKERS), 0)
        return False


@contextmanager
def attacked_site(folder: Path) -> Iterator[Site]:
    """Create a site on a small disk. Nothing is started yet."""
    with small_disk(folder / "disk", "300m") as disk, closing(Site(disk, folder)) as site:
        yield site
