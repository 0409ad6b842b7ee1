"""Fault injection: processes are killed, stopped and suspended at random while jobs are submitted."""

import os
import random
import signal
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPException

import psutil
import pytest

from greeter.jobs.errors import UNAVAILABLE
from greeter.jobs.store import MAX_ATTEMPTS
from tests.conftest import Installation, wait_for
from tests.http import fetch

SECONDS = int(os.environ.get("NEMESIS_SECONDS", "60"))
WORKERS = ("worker", "worker-2")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(SECONDS + 300)]


class Visitors(threading.Thread):
    """Submits jobs, and reads the pages of accepted ones, until stopped."""

    def __init__(self, site: Installation) -> None:
        super().__init__()
        self.site, self.stopped = site, threading.Event()
        self.accepted: list[str] = []
        self.errors: list[Exception] = []

    def run(self) -> None:
        """Accept a refusal as an answer, but nothing else."""
        choose = random.Random(1)
        while not self.stopped.wait(0.25):
            try:
                tool, seconds = choose.choice([("diary", 0.3), ("diary", 1.5), ("outsource", 0.5)])
                self.accepted.append(self.site.submit(tool, seconds=seconds))
                with suppress(ConnectionError, HTTPException):  # the web was killed
                    assert fetch(self.site, f"/jobs/{choose.choice(self.accepted)}").status in (200, 503)
                if choose.random() < 0.05:
                    self.site.store.cancel(choose.choice(self.accepted))
            except UNAVAILABLE:
                pass
            except (OSError, AssertionError) as error:  # above all, an accepted job that is not found
                self.errors.append(error)


class Nemesis:
    """Injects faults into the processes of an installation."""

    def __init__(self, site: Installation) -> None:
        seed = int(os.environ.get("NEMESIS_SEED", random.randrange(1_000_000)))
        print(f"\nNEMESIS_SEED={seed}")  # the same faults in the same order, but not at the same moments
        self.site, self.choose, self.done = site, random.Random(seed), Counter[str]()
        self.queued: list[Callable[[], None]] = []

    def inject(self) -> None:
        """Inject one fault and repair it. Each kind comes up once per round."""
        if not self.queued:
            faults = [self.kill_redis, self.hang_redis, self.fill_redis, self.kill_web]
            self.queued = [*faults, self.kill_job, self.kill_job, self.kill_worker, self.stop_worker, self.hang_worker]
            self.choose.shuffle(self.queued)
        kind = self.queued.pop()
        self.done[kind.__name__] += 1
        kind()

    def kill_job(self) -> None:
        """Kill a pool process, as the kernel does when memory is short."""
        for child in psutil.Process(self.site.pid(self.choose.choice(WORKERS))).children()[:1]:
            with suppress(psutil.NoSuchProcess):
                child.kill()

    def kill_worker(self) -> None:
        """Kill a worker."""
        worker = self.choose.choice(WORKERS)
        self.site.signal(worker, signal.SIGKILL)
        self.site.start(worker)

    def stop_worker(self) -> None:
        """Stop a worker, as a deployment does."""
        worker = self.choose.choice(WORKERS)
        self.site.stop(worker)
        self.site.start(worker)

    def hang_worker(self) -> None:
        """Suspend a worker and its processes, but not for SILENCE_LIMIT."""
        worker = psutil.Process(self.site.pid(self.choose.choice(WORKERS)))
        all_of_it = [worker.pid, *(child.pid for child in worker.children())]
        for number, pause in ((signal.SIGSTOP, self.choose.uniform(1, 4)), (signal.SIGCONT, 0)):
            for pid in all_of_it:
                with suppress(ProcessLookupError):  # it had lost its job and ended
                    os.kill(pid, number)
            time.sleep(pause)

    def kill_web(self) -> None:
        """Kill the web."""
        web = psutil.Process(self.site.pid("web"))
        processes = [web, *web.children()]
        self.site.signal("web", signal.SIGKILL)
        psutil.wait_procs(processes, 10)
        self.site.start("web")

    def kill_redis(self) -> None:
        """Kill Redis, and start it a moment later."""
        self.site.signal("redis", signal.SIGKILL)
        time.sleep(self.choose.uniform(0, 3))
        self.site.start("redis")

    def hang_redis(self) -> None:
        """Suspend Redis."""
        self.site.signal("redis", signal.SIGSTOP)
        time.sleep(self.choose.uniform(1, 6))
        self.site.signal("redis", signal.SIGCONT)

    def fill_redis(self) -> None:
        """Make Redis refuse writes."""
        self.site.redis.config_set("maxmemory", 1)
        time.sleep(self.choose.uniform(1, 6))
        self.site.redis.config_set("maxmemory", 0)


def test_accepted_jobs_survive_random_faults(own_installation: Installation) -> None:
    """Each one reaches exactly one end state, is never run concurrently or too often, and leaves nothing behind."""
    site = own_installation
    site.start("redis", "web", *WORKERS)
    visitors, nemesis = Visitors(site), Nemesis(site)
    visitors.start()
    end = time.monotonic() + SECONDS
    try:
        while time.monotonic() < end:
            nemesis.inject()
            time.sleep(2)
    finally:
        visitors.stopped.set()
        visitors.join()
    records = [site.ended(job, 200) for job in visitors.accepted]
    print(f"\n{len(records)} jobs: {dict(Counter(record.phase for record in records))}; {dict(nemesis.done)}")
    assert visitors.errors == []
    assert len(nemesis.done) == 8 or SECONDS < 60
    assert max(record.attempts for record in records) <= MAX_ATTEMPTS
    assert {record.phase for record in records} <= {"finished", "failed", "cancelled"}
    assert Counter(record.phase for record in records)["finished"] > len(records) / 2
    assert_no_concurrent_attempts(site)
    wait_for(lambda: site.redis.llen("celery") == 0, 60)
    assert (site.redis.zcard("jobs:waiting"), site.redis.zcard("jobs:running")) == (0, 0)
    assert site.redis.zcard("jobs:ended") == len(records) == len(set(visitors.accepted))
    assert programs_of(site) == []


def assert_no_concurrent_attempts(site: Installation) -> None:
    """Once a process has started a job, no other process writes to its diary."""
    started: dict[str, list[str]] = defaultdict(list)
    for line in (site.settings.data_dir / "diary").read_text().splitlines():
        job, what, *_, process = line.split()
        if what == "start":
            started[job].append(process)
        assert process == started[job][-1], f"job {job} ran in two processes at once"


def programs_of(site: Installation) -> list[psutil.Process]:
    """Return the programs that tools of this installation started and that are still running."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("HOME", "").startswith(str(site.settings.data_dir)):
                found.append(process)
    return found
