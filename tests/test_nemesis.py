"""Fault injection: faults of several kinds overlap while visitors submit and watch jobs over HTTP."""

import os
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event
from typing import Protocol

import pytest

from greeter.jobs.record import Record
from tests.nemesis import invariants
from tests.nemesis.faults import RedisFaults, Target, deployment_faults, disk_faults, mail_faults, web_faults
from tests.nemesis.site import PROCESSES, WORKERS, Site, attacked_site
from tests.nemesis.visitors import Visitor
from tests.nemesis.worker_faults import FolderFaults, WorkerFaults
from tests.test_clock import fake_clock
from tests.test_durability import STALLED_DISK

SECONDS = int(os.environ.get("NEMESIS_SECONDS", "60"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(SECONDS + 900),
    pytest.mark.unmeasured,
    # aiosmtpd leaves connections open when it is stopped.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


class Stoppable(Protocol):
    """A thread that goes on until it is stopped."""

    stopped: Event

    def start(self) -> None:
        """Start it."""

    def join(self) -> None:
        """Wait until it has stopped."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A site on a small disk."""
    with attacked_site(tmp_path) as mine:
        yield mine


def test_accepted_jobs_survive_random_faults(site: Site, tmp_path: Path) -> None:
    """Each one reaches exactly one end state, is never run concurrently or too often, and leaves nothing behind."""
    seed = int(os.environ.get("NEMESIS_SEED", random.randrange(1_000_000)))
    print(f"\nNEMESIS_SEED={seed}")  # the same faults in the same order, but not at the same moments
    targets = targets_of(site, random.Random(seed), tmp_path)
    site.start(*PROCESSES)
    visitors = [Visitor(site, number) for number in range(3)]
    threads: list[Target | Visitor] = [*targets, *visitors]
    run_for(SECONDS, threads)
    found = invariants.violations(
        {
            "recovery": site.recover,
            "exits": site.unexpected_exits,
            "threads": lambda: [error for thread in threads for error in thread.errors],
        }
    )
    accepted = [path.removeprefix("/jobs/") for visitor in visitors for path in visitor.accepted]
    records = invariants.ended(site, accepted)
    found += invariants.violations(
        {
            "load": lambda: invariants.check_load(accepted, SECONDS // 4),
            "ends": lambda: invariants.check_ends(records),
            "failures": lambda: invariants.check_failures(records),
            "files": lambda: invariants.check_files(site, records),
            "inputs": lambda: invariants.check_inputs(site, records),
            "histories": lambda: [error for visitor in visitors for error in visitor.final_errors()],
            "attempts": lambda: invariants.check_attempts(tmp_path / "diary"),
            "mails": lambda: invariants.check_mails(site, records, site.mail_server, SECONDS // 8),
            "leftovers": lambda: invariants.check_leftovers(site),
            "programs": lambda: map(str, site.programs()),
        }
    )
    report(site, records, targets)
    assert not found, "\n".join(found)


def targets_of(site: Site, choose: random.Random, folder: Path) -> list[Target]:
    """Return the targets, with the library that Redis loads for some of them."""
    clock, stalled = fake_clock(site, folder, STALLED_DISK), folder / "stalled"
    site.more_environ["redis"]["STALLED"] = str(stalled)
    return [
        Target("redis", site, RedisFaults(site, choose, clock, stalled).all(), choose, pause=6),
        *(Target(name, site, WorkerFaults(site, choose, name).all(), choose, pause=4) for name in WORKERS),
        Target("web", site, web_faults(site), choose, pause=10),
        Target("disk", site, disk_faults(site, choose), choose, pause=15),
        Target("mail", site, mail_faults(site, choose), choose, pause=5),
        Target("folder", site, FolderFaults(site, choose).all(), choose, pause=10),
        Target("deployment", site, deployment_faults(site, folder / "elsewhere"), choose, pause=8),
    ]


def run_for(seconds: float, threads: Sequence[Stoppable]) -> None:
    """Run threads for a while, and wait until they have stopped."""
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    for thread in threads:
        thread.stopped.set()
    for thread in threads:
        thread.join()


def report(site: Site, records: dict[str, Record | None], targets: list[Target]) -> None:
    """Print the counts of a run: jobs by end and by failure, faults, and starts."""
    ends = Counter(str(record.phase) if record else "none" for record in records.values())
    failures = Counter(
        (record.tool, record.result["exc_type"]) for record in records.values() if record and record.phase == "failed"
    )
    done = sum((target.done for target in targets), Counter[str]())
    print(f"\n{len(records)} jobs: {dict(ends)}\nfailures: {dict(failures)}\nfaults: {dict(done)}")
    print(f"ended by themselves: {dict(site.exits)}; slow starts: {dict(site.slow)}")
    log = site.log.read_text(errors="replace")
    print(f"unfit workers: {log.count('takes no jobs')}; replaced processes: {log.count('process is replaced')}")
