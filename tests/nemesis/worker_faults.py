"""The faults of workers: their processes are killed, signalled and suspended, and one loses its folder."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from contextlib import suppress

import psutil
import pytest

from tests.conftest import wait_for
from tests.nemesis.faults import Fault
from tests.nemesis.site import Site


class WorkerFaults:
    """The processes of a worker are killed, signalled and suspended."""

    def __init__(self, site: Site, choose: random.Random, worker: str) -> None:
        self._site, self._choose, self._worker = site, choose, worker

    def all(self) -> list[Fault]:
        """Return the faults."""
        return [
            self.signal_job,
            self.signal_job,
            self.suspend_process,
            self.kill_guard,
            self.kill_worker,
            self.kill_everything,
            self.stop_worker,
            self.hang_worker,
            self.hang_main_process,
        ]

    def _processes(self) -> list[psutil.Process]:
        """Return the main process and its pool processes."""
        with suppress(psutil.NoSuchProcess):
            main = psutil.Process(self._site.pid(self._worker))
            return [main, *main.children()]
        return []

    def signal_job(self) -> None:
        """End a pool process, as the kernel does when memory is short, or as an operator does."""
        for process in self._processes()[1:2]:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(self._choose.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGQUIT]))

    def suspend_process(self) -> None:
        """Suspend a pool process, idle or with a job, until it is replaced."""
        for process in self._processes()[1:2]:
            with suppress(psutil.NoSuchProcess):
                process.suspend()

    def kill_guard(self) -> None:
        """Kill the guard of a program."""
        for process in self._processes()[1:]:
            with suppress(psutil.NoSuchProcess):
                for child in process.children():
                    child.kill()

    def kill_worker(self) -> None:
        """Kill a worker."""
        self._site.signal(self._worker, signal.SIGKILL)
        self._site.restart(self._worker)

    def kill_everything(self) -> None:
        """Kill a worker with its pool processes and the guards, from the guards up, so that none ends what is below."""
        processes = self._processes()
        with suppress(psutil.NoSuchProcess):
            for process in [*(child for one in processes[1:] for child in one.children()), *processes[::-1]]:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        self._site.signal(self._worker, signal.SIGKILL)
        self._site.restart(self._worker)

    def stop_worker(self) -> None:
        """Stop a worker, as a deployment does."""
        self._site.signal(self._worker, self._choose.choice([signal.SIGTERM, signal.SIGQUIT, signal.SIGINT]))
        self._site.stop(self._worker)
        self._site.restart(self._worker)

    def hang_worker(self) -> None:
        """Suspend a worker and its processes, but not for SILENCE_LIMIT."""
        processes = self._processes()
        for number, pause in ((signal.SIGSTOP, self._choose.uniform(1, 4)), (signal.SIGCONT, 0)):
            for process in processes:
                with suppress(psutil.NoSuchProcess, ProcessLookupError):
                    os.kill(process.pid, number)
            time.sleep(pause)

    def hang_main_process(self) -> None:
        """Suspend the main process of a worker until its pool processes kill it, or for less."""
        self._site.signal(self._worker, signal.SIGSTOP)
        time.sleep(self._choose.uniform(1, 12))
        self._site.signal(self._worker, signal.SIGCONT)
        time.sleep(1)  # until it has ended, if it was killed just now
        if not self._site.is_running(self._worker):
            self._site.restart(self._worker)


class FolderFaults:
    """One worker loses DATA_DIR while it runs or starts; the others have it."""

    def __init__(self, site: Site, choose: random.Random) -> None:
        self._site, self._choose = site, choose
        self._aside = site.view.with_name("aside")

    def all(self) -> list[Fault]:
        """Return the faults."""
        return [self.rename_folder, self.empty_folder, self.write_protect_folder]

    def _pause(self) -> None:
        time.sleep(self._choose.uniform(0.5, 8))

    def rename_folder(self) -> None:
        """Let the folder be gone for a while."""
        self._site.view.rename(self._aside)
        self._pause()
        self._aside.rename(self._site.view)

    def empty_folder(self) -> None:
        """Put an empty folder into its place, as when its disk is not mounted. Nothing may be written there."""
        view = self._site.view
        view.rename(self._aside)
        view.mkdir()
        self._pause()
        written = [path.name for path in view.iterdir()]
        view.rename(view.with_name(f"empty-{time.monotonic_ns()}"))
        self._aside.rename(view)
        assert written == []

    def write_protect_folder(self) -> None:
        """Mount the folder read-only for a while, once no file on it is open for writing."""
        with suppress(pytest.fail.Exception):
            wait_for(lambda: self._remount("ro"))
            self._pause()
        wait_for(lambda: self._remount("rw"))

    def _remount(self, mode: str) -> bool:
        command = ["mount", "-o", f"remount,bind,{mode}", str(self._site.mount)]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
