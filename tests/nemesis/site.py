"""The site that the nemesis attacks: faults overlap, so a process may need long to start, or several attempts."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
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
from tests.mail import MailServer

WORKERS = ("worker", "worker-2")
PROCESSES = ("redis", "web", *WORKERS)
MOVABLE = "worker-2"  # sees DATA_DIR under a path of its own

_DESCRIPTORS = 256  # that a worker and its jobs may open; few enough to be used up quickly
_TIME_TO_START = 60  # seconds
_TIME_TO_RECOVER = 120  # seconds, for each process and then for the site


class Site(Installation):
    """An installation whose processes are restarted as by a supervisor: whenever they end, without a time limit.

    Args:
        disk: Its DATA_DIR.
        folder: A folder for what must not be on that disk.

    Attributes:
        view: The path under which the worker MOVABLE sees DATA_DIR, a link to `mount`.
        mount: Where DATA_DIR is mounted for this worker.
        exits: How often processes ended by themselves, by name and status.
        slow: How often processes did not answer within a minute after their start.
        mail_server: The mail server, which is not a process of the site.
    """

    def __init__(self, disk: Path, folder: Path) -> None:
        self.mail_server = MailServer()
        super().__init__(
            disk, min_free_bytes=20_000_000, max_waiting=100, smtp_url=self.mail_server.url, mails_per_day=1_000_000
        )
        self.view, self.mount = folder / "view", folder / "mount"
        self.log = folder / "log"
        self.more_environ = {
            "web": {"_FOLDER_SECONDS": "", "_REDIS_SECONDS": ""},
            "worker": {"DIARY": str(folder / "diary")},
            MOVABLE: {"DATA_DIR": str(self.view)},
        }
        self.exits: Counter[tuple[str, int]] = Counter()
        self.slow: Counter[str] = Counter()

    def launch(self, name: str) -> None:
        """Start a process. A worker, with its pool processes, may open few files."""
        super().launch(name)
        if name.startswith("worker"):
            with suppress(ProcessLookupError):
                resource.prlimit(self.pid(name), resource.RLIMIT_NOFILE, (_DESCRIPTORS, _DESCRIPTORS))

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
        """Return which processes ended by themselves.

        The worker that has lost its folder does not start. On a busy machine, the watchdog may kill a worker, because
        SILENCE_LIMIT is short.
        """
        expected = {(MOVABLE, os.EX_CONFIG)} | {(name, -signal.SIGKILL) for name in WORKERS}
        return [f"{name} ended by itself: {status}" for name, status in self.exits if (name, status) not in expected]

    def programs(self) -> list[psutil.Process]:
        """Return the programs that tools of this site started and that are still running."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("HOME", "").startswith((str(self.settings.data_dir), str(self.view))):
                    found.append(process)
        return found

    def _is_up(self, name: str) -> bool:
        self.revive(name)
        return self.answers(name)

    def _is_ready(self) -> bool:
        with suppress(OSError, HTTPException, RedisError):
            statistics = self.store.statistics()
            workers = self.workers(), len(statistics.unfit)
            return fetch(self, "/health/ready").status == 200 and workers == (len(WORKERS), 0)
        return False


@contextmanager
def attacked_site(folder: Path) -> Iterator[Site]:
    """Create a site on a small disk, which one of its workers sees under another path. Nothing is started yet."""
    with small_disk(folder / "disk", "300m") as disk, closing(Site(disk, folder)) as site:
        site.mount.mkdir()
        subprocess.run(["mount", "--bind", disk, site.mount], check=True)
        site.view.symlink_to(site.mount)
        site.mail_server.start()
        try:
            yield site
        finally:
            site.mail_server.stop()
            subprocess.run(["umount", "--lazy", site.mount], check=True)
