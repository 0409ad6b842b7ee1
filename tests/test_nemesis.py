"""Fault injection: faults of several kinds overlap while visitors submit and watch jobs over HTTP."""

import os
import random
import time
from collections import Counter, defaultdict
from contextlib import suppress

import psutil
import pytest

from greeter.jobs.store import MAX_ATTEMPTS
from tests.conftest import Installation, wait_for
from tests.nemesis.faults import RedisFaults, Target, WorkerFaults, version_faults, web_faults
from tests.nemesis.visitors import Visitor
from tests.test_clock import fake_clock

SECONDS = int(os.environ.get("NEMESIS_SECONDS", "60"))
WORKERS = ("worker", "worker-2")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(SECONDS + 400)]


def test_accepted_jobs_survive_random_faults(own_installation: Installation) -> None:
    """Each one reaches exactly one end state, is never run concurrently or too often, and leaves nothing behind."""
    site = own_installation
    seed = int(os.environ.get("NEMESIS_SEED", random.randrange(1_000_000)))
    print(f"\nNEMESIS_SEED={seed}")  # the same faults in the same order, but not at the same moments
    clock = fake_clock(site)
    site.start("redis", "web", *WORKERS)
    choose = random.Random(seed)
    targets = [
        Target("redis", RedisFaults(site, choose, clock).all(), choose, pause=6),
        *(Target(name, WorkerFaults(site, choose, name).all(), choose, pause=4) for name in WORKERS),
        Target("web", web_faults(site), choose, pause=10),
        Target("versions", version_faults(site), choose, pause=8),
    ]
    visitors = [Visitor(site, number) for number in range(3)]
    threads: list[Target | Visitor] = [*targets, *visitors]
    run_for(SECONDS, threads)
    accepted = [job for visitor in visitors for job in visitor.accepted]
    records = [site.ended(job.removeprefix("/jobs/"), 200) for job in accepted]
    for visitor in visitors:
        for job in visitor.accepted:
            visitor.watch(job)
    done = sum((target.done for target in targets), Counter())
    print(f"\n{len(records)} jobs: {dict(Counter(str(record.phase) for record in records))}; {dict(done)}")
    assert [error for thread in threads for error in thread.errors] == []
    assert max(record.attempts for record in records) <= MAX_ATTEMPTS
    assert {record.phase for record in records} <= {"finished", "failed", "cancelled"}
    assert Counter(record.phase for record in records)["finished"] > len(records) / 2
    assert len(accepted) == len(set(accepted)) > SECONDS
    assert_no_concurrent_attempts(site)
    wait_for(lambda: site.redis.llen("celery") == 0, 60)
    assert (site.redis.zcard("jobs:waiting"), site.redis.zcard("jobs:running")) == (0, 0)
    assert programs_of(site) == []


def run_for(seconds: float, threads: list[Target | Visitor]) -> None:
    """Run threads for a while, and wait until they have stopped."""
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    for thread in threads:
        thread.stopped.set()
    for thread in threads:
        thread.join()


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
