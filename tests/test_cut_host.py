"""A host that is cut off for 90 seconds beside a healthy one, with the default SILENCE_LIMIT.

The test sleeps most of the time, and starts among the first, so that it does not prolong the run of all tests.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from greeter.settings import Settings
from tests.conftest import PATIENCE, needs, wait_for
from tests.nemesis import invariants
from tests.test_fitness import attempts
from tests.test_hosts import Hosts, host_of, running_hosts
from tests.test_recovery import let_jobs_end, process_of

SECONDS = 90  # longer than SILENCE_LIMIT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(500), needs("ip", "iproute2")]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Hosts]:
    """Redis and two workers, each on a host of its own."""
    with running_hosts(tmp_path, "redis", "worker", "worker-2", silence_limit=Settings().silence_limit) as mine:
        yield mine


def host_of_next_job(site: Hosts) -> str:
    """Return the host whose worker runs a new job."""
    job = site.submit("diary", seconds=0.1)
    site.ended(job)
    return host_of(site, job)


def test_the_job_of_a_host_that_is_cut_off_runs_on_another(site: Hosts) -> None:
    """Once the host learns of it, its process ends by itself. Its late attempt has changed nothing that is shown.

    The other host goes on, and the first one takes jobs again afterwards.
    """
    job = site.submit("scribble", seconds=600.0)
    host = wait_for(lambda: host_of(site, job))
    process = psutil.Process(process_of(site, job))
    other = {"worker": "worker-2", "worker-2": "worker"}[host]
    with site.cut(host):
        start = time.monotonic()
        more = [site.submit("diary", seconds=0.1) for _ in range(4)]
        assert attempts(site, more) == {("finished", 1)}
        assert {host_of(site, one) for one in more} == {other}
        wait_for(lambda: host_of(site, job) == other, site.settings.silence_limit + PATIENCE)
        successor = process_of(site, job)
        time.sleep(max(0, start + SECONDS - time.monotonic()))
        assert process.is_running()
    psutil.wait_procs([process], PATIENCE)
    assert not process.is_running()
    assert site.store.find(job).phase == "running"
    let_jobs_end(site)
    record = site.ended(job, 120)
    assert (record.phase, record.attempts, host_of(site, job)) == ("finished", 2, other)
    (lines,) = site.store.files.outputs(job, 2)
    assert set(lines.read_text().split()) == {str(successor)}
    wait_for(lambda: site.workers() == 2)
    wait_for(lambda: host_of_next_job(site) == host)
    records = invariants.ended(site, [job, *more])
    checks: dict[str, invariants.Check] = {
        "ends": lambda: invariants.check_ends(records),
        "failures": lambda: invariants.check_failures(records),
        "files": lambda: invariants.check_files(site, records),
        "leftovers": lambda: invariants.check_leftovers(site),
    }
    assert invariants.violations(checks) == []
