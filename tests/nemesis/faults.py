"""The faults that the nemesis injects. Faults of different targets overlap, those of one target do not."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from tests.conftest import PROCFILE, ROOT, Installation

Fault = Callable[[], None]


class Target(threading.Thread):
    """Injects the faults of one target, each kind once per round, until stopped.

    Args:
        name: The target.
        faults: Functions that inject a fault and repair it.
        choose: The source of chance.
        pause: The mean time between two faults, in seconds.

    Attributes:
        done: How often each fault was injected, by name.
        errors: Faults that raised an exception.
        stopped: Set this to stop.
    """

    def __init__(self, name: str, faults: list[Fault], choose: random.Random, pause: float) -> None:
        super().__init__(name=f"faults of {name}")
        self._faults, self._choose, self._pause = faults, choose, pause
        self.done: Counter[str] = Counter()
        self.errors: list[str] = []
        self.stopped = threading.Event()

    def run(self) -> None:
        """Inject a fault, repair it, and pause."""
        queued: list[Fault] = []
        while not self.stopped.wait(self._choose.uniform(0.5, 1.5) * self._pause):
            if not queued:
                queued = self._choose.sample(self._faults, len(self._faults))
            fault = queued.pop()
            self.done[getattr(fault, "__name__", "")] += 1
            try:
                fault()
            except BaseException as error:  # pytest.fail, too
                self.errors.append(f"{self.name}: {fault}: {error!r}")


class RedisFaults:
    """Redis is killed, suspended and full, and its clock jumps."""

    def __init__(self, site: Installation, choose: random.Random, clock: Path, stalled: Path) -> None:
        self._site, self._choose, self._clock, self._stalled = site, choose, clock, stalled

    def all(self) -> list[Fault]:
        """Return the faults."""
        return [self.kill_redis, self.kill_redis_during_fsync, self.hang_redis, self.fill_redis, self.step_clock]

    def kill_redis_during_fsync(self) -> None:
        """Kill Redis while the disk does not answer."""
        self._stalled.touch()
        time.sleep(self._choose.uniform(0.5, 1.5))
        self._site.signal("redis", signal.SIGKILL)
        self._stalled.unlink()
        self._site.start("redis")

    def kill_redis(self) -> None:
        """Kill Redis, and start it a moment later."""
        self._site.signal("redis", signal.SIGKILL)
        time.sleep(self._choose.uniform(0, 3))
        self._site.start("redis")

    def hang_redis(self) -> None:
        """Suspend Redis for a while."""
        self._site.signal("redis", signal.SIGSTOP)
        time.sleep(self._choose.uniform(1, 6))
        self._site.signal("redis", signal.SIGCONT)

    def fill_redis(self) -> None:
        """Make Redis refuse writes for a while."""
        self._site.redis.config_set("maxmemory", 1)
        time.sleep(self._choose.uniform(1, 6))
        self._site.redis.config_set("maxmemory", 0)

    def step_clock(self) -> None:
        """Set the clock of Redis, and back after a while. Two sweeps lie between the steps."""
        self._clock.write_text(self._choose.choice(["+86400", "-86400", "+691200", "+3000"]))
        time.sleep(15)
        self._clock.write_text("+0")
        time.sleep(13)


class WorkerFaults:
    """The processes of a worker are killed, signalled and suspended."""

    def __init__(self, site: Installation, choose: random.Random, worker: str) -> None:
        self._site, self._choose, self._worker = site, choose, worker

    def all(self) -> list[Fault]:
        """Return the faults."""
        return [
            self.signal_job,
            self.signal_job,
            self.kill_guard,
            self.kill_worker,
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

    def kill_guard(self) -> None:
        """Kill the guard of a program."""
        for process in self._processes()[1:]:
            with suppress(psutil.NoSuchProcess):
                for child in process.children():
                    child.kill()

    def kill_worker(self) -> None:
        """Kill a worker."""
        self._site.signal(self._worker, signal.SIGKILL)
        self._site.start(self._worker)

    def stop_worker(self) -> None:
        """Stop a worker, as a deployment does."""
        self._site.signal(self._worker, self._choose.choice([signal.SIGTERM, signal.SIGQUIT, signal.SIGINT]))
        self._site.stop(self._worker)
        self._site.start(self._worker)

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
        if not self._site.is_running(self._worker):
            self._site.start(self._worker)


def disk_faults(site: Installation, choose: random.Random) -> list[Fault]:
    """Return the faults of the disk."""

    def fill_disk() -> None:
        filler = site.settings.data_dir / "fill"
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(65536))
        time.sleep(choose.uniform(1, 5))
        filler.unlink()

    return [fill_disk]


def web_faults(site: Installation) -> list[Fault]:
    """Return the faults of the web."""

    def kill_web() -> None:
        web = psutil.Process(site.pid("web"))
        processes = [web, *web.children()]
        site.signal("web", signal.SIGKILL)
        psutil.wait_procs(processes, 10)
        site.start("web")

    return [kill_web]


def deployment_faults(site: Installation, elsewhere: Path) -> list[Fault]:
    """Return the faults of a deployment: a worker without the tools of the zoo, and one with another folder."""

    def run_an_old_worker() -> None:
        site.start("worker-old")
        time.sleep(5)
        site.stop("worker-old")

    def start_a_worker_without_the_folder() -> None:
        environ = os.environ | site.environ | {"DATA_DIR": str(elsewhere)}
        command = [sys.executable, "-m", *PROCFILE["worker"].split()[1:]]
        with suppress(subprocess.TimeoutExpired):  # Redis is unavailable
            ended = subprocess.run(command, cwd=ROOT, env=environ, timeout=20, capture_output=True, check=False)
            assert ended.returncode == os.EX_CONFIG, ended.stderr

    return [run_an_old_worker, start_a_worker_without_the_folder]
