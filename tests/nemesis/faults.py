"""Injects faults, and those of Redis, the disk, the web and the deployment. Faults of different targets overlap."""

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
import pytest
from redis import RedisError

from tests.conftest import PROCFILE, ROOT
from tests.nemesis.site import PROCESSES, Site

Fault = Callable[[], None]


class Target(threading.Thread):
    """Injects the faults of one target, one after the other and each kind once per round, until stopped.

    Args:
        name: The target. One with the name of a process is started before each fault if it has ended by itself.
        site: The site.
        faults: Functions that inject a fault and repair it.
        choose: The source of chance.
        pause: The mean time between two faults, in seconds.

    Attributes:
        done: How often each fault was injected, by name.
        errors: Faults that raised an exception.
        stopped: Set this to stop.
    """

    def __init__(self, name: str, site: Site, faults: list[Fault], choose: random.Random, pause: float) -> None:
        super().__init__(name=name)
        self._site, self._faults, self._pause = site, faults, pause
        self._choose = choose
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
                if self.name in PROCESSES:
                    self._site.revive(self.name)
                fault()
            except (Exception, pytest.fail.Exception) as error:
                self.errors.append(f"the fault {fault} of {self.name}: {error!r}")


class RedisFaults:
    """Redis is killed, suspended and full, and its clock jumps."""

    def __init__(self, site: Site, choose: random.Random, clock: Path, stalled: Path) -> None:
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
        self._site.restart("redis")

    def kill_redis(self) -> None:
        """Kill Redis, and start it a moment later."""
        self._site.signal("redis", signal.SIGKILL)
        time.sleep(self._choose.uniform(0, 3))
        self._site.restart("redis")

    def hang_redis(self) -> None:
        """Suspend Redis for a while."""
        self._site.signal("redis", signal.SIGSTOP)
        time.sleep(self._choose.uniform(1, 6))
        self._site.signal("redis", signal.SIGCONT)

    def fill_redis(self) -> None:
        """Make Redis refuse writes for a while."""
        self._set_maxmemory(1)
        time.sleep(self._choose.uniform(1, 6))
        self._set_maxmemory(0)

    def _set_maxmemory(self, value: int) -> None:
        while True:
            with suppress(RedisError):  # it is slow, because the disk or the machine is
                self._site.redis.config_set("maxmemory", value)
                return

    def step_clock(self) -> None:
        """Set the clock of Redis, and back after a while. Two sweeps lie between the steps."""
        self._clock.write_text(self._choose.choice(["+86400", "-86400", "+691200", "+3000"]))
        time.sleep(15)
        self._clock.write_text("+0")
        time.sleep(13)


def disk_faults(site: Site, choose: random.Random) -> list[Fault]:
    """Return the faults of the disk."""

    def fill_disk() -> None:
        filler = site.settings.data_dir / "fill"
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(65536))
        time.sleep(choose.uniform(1, 5))
        filler.unlink()

    return [fill_disk]


def web_faults(site: Site) -> list[Fault]:
    """Return the faults of the web."""

    def kill_web() -> None:
        web = psutil.Process(site.pid("web"))
        processes = [web, *web.children()]
        site.signal("web", signal.SIGKILL)
        psutil.wait_procs(processes, 60)  # they have its port
        site.restart("web")

    return [kill_web]


def mail_faults(site: Site, choose: random.Random) -> list[Fault]:
    """Return the faults of the mail server."""
    server = site.mail_server

    def stop_mail_server() -> None:
        server.stop()
        time.sleep(choose.uniform(0.5, 5))
        server.start()

    def refuse_mails() -> None:
        server.answers = {choose.choice(["MAIL", "RCPT", "DATA", "TEXT"]): choose.choice(["451 Later", "550 No"])}
        time.sleep(choose.uniform(0.5, 3))
        server.answers = {}

    def lose_answers() -> None:
        server.loses_answers = True
        time.sleep(choose.uniform(0.5, 3))
        server.loses_answers = False

    return [stop_mail_server, refuse_mails, lose_answers]


def deployment_faults(site: Site, elsewhere: Path) -> list[Fault]:
    """Return the faults of a deployment: a worker without the tools of the zoo, and one with another folder."""

    def run_an_old_worker() -> None:
        site.restart("worker-old")
        time.sleep(5)
        site.stop("worker-old")

    def start_a_worker_without_the_folder() -> None:
        environ = os.environ | site.environ | {"DATA_DIR": str(elsewhere)}
        command = [sys.executable, *PROCFILE["worker"].split()[2:]]
        with suppress(subprocess.TimeoutExpired):  # Redis is unavailable
            ended = subprocess.run(command, cwd=ROOT, env=environ, timeout=20, capture_output=True, check=False)
            assert ended.returncode == os.EX_CONFIG, ended.stderr

    return [run_an_old_worker, start_a_worker_without_the_folder]
