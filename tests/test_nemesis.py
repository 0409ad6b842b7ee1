"""Fault injection: faults of several kinds overlap while visitors submit and watch jobs over HTTP."""

import os
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import psutil
import pytest

from greeter.jobs.worker_store import MAX_ATTEMPTS
from tests.conftest import Installation, small_disk, wait_for
from tests.nemesis.faults import RedisFaults, Target, WorkerFaults, deployment_faults, disk_faults, web_faults
from tests.nemesis.visitors import Visitor
from tests.test_clock import fake_clock
from tests.test_durability import STALLED_DISK

SECONDS = int(os.environ.get("NEMESIS_SECONDS", "60"))
WORKERS = ("worker", "worker-2")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(SECONDS + 400)]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Installation]:
    """An installation on a small disk."""
    with small_disk(tmp_path / "disk", "300m") as disk, closing(Installation(disk, min_free_bytes=20_000_000)) as mine:
        mine.log = tmp_path / "log"
        mine.more_environ["worker"] = {"DIARY": str(tmp_path / "diary")}
        yield mine


def test_accepted_jobs_survive_random_faults(site: Installation, tmp_path: Path) -> None:
    """Each one reaches exactly one end state, is never run concurrently or too often, and leaves nothing behind."""
    seed = int(os.environ.get("NEMESIS_SEED", random.randrange(1_000_000)))
    print(f"\nNEMESIS_SEED={seed}")  # the same faults in the same order, but not at the same moments
    clock, stalled = fake_clock(site, tmp_path, STALLED_DISK), tmp_path / "stalled"
    site.more_environ["redis"]["STALLED"] = str(stalled)
    site.start("redis", "web", *WORKERS)
    choose = random.Random(seed)
    targets = [
        Target("redis", RedisFaults(site, choose, clock, stalled).all(), choose, pause=6),
        *(Target(name, WorkerFaults(site, choose, name).all(), choose, pause=4) for name in WORKERS),
        Target("web", web_faults(site), choose, pause=10),
        Target("disk", disk_faults(site, choose), choose, pause=15),
        Target("deployment", deployment_faults(site, tmp_path / "elsewhere"), choose, pause=8),
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
    assert_no_concurrent_attempts(tmp_path / "diary")
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


def assert_no_concurrent_attempts(diary: Path) -> None:
    """Once a process has started a job, no other process writes to its diary."""
    started: dict[str, list[str]] = defaultdict(list)
    for line in diary.read_text().splitlines():
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
