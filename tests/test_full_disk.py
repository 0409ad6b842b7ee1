"""A DATA_DIR that another program fills to the last byte, on a small file system."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import psutil
import pytest
from redis import RedisError

from greeter.jobs.files.trees import free_space
from tests.conftest import Installation, compiled_library, small_disk, wait_for
from tests.http import Response, fetch, post, submit

pytestmark = pytest.mark.slow

NO_FALLOCATE = """
#include <errno.h>
#include <sys/types.h>
int fallocate(int file, int mode, off_t offset, off_t length) { errno = EOPNOTSUPP; return -1; }
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Installation]:
    """Redis, a worker and a web whose disk has 64 MB, of which 2 MB are the floor for submissions."""
    with small_disk(tmp_path / "disk", "64m") as disk, closing(Installation(disk, min_free_bytes=2_000_000)) as full:
        full.start("redis", "worker", "web")
        yield full


def fill(site: Installation) -> None:
    """Write a file until nothing is free."""
    with suppress(OSError), (site.settings.data_dir / "fill").open("ab", buffering=0) as file:
        while True:
            file.write(bytes(65536))
    with suppress(OSError), (site.settings.data_dir / "fill").open("ab", buffering=0) as file:
        while True:
            file.write(bytes(1))
    assert free_space(site.store.files.root).bytes == 0


def greet(site: Installation, steps: int) -> Response:
    """Submit a job that takes half a second for each step."""
    return post(site, "/tools/expensive_greet", person="Ada", total=str(steps))


def phase(site: Installation, job: str) -> str:
    """Return the phase of a job as the site shows it."""
    assert fetch(site, job).status == 200
    return str(json.loads(fetch(site, f"{job}.json").body)["phase"])


def make_room(site: Installation) -> None:
    """Remove that file."""
    (site.settings.data_dir / "fill").unlink()


def wait_for_recovery(site: Installation) -> None:
    """Wait until the site accepts a job, and until that job is finished."""
    job = wait_for(lambda: greet(site, 1).headers.get("Location"))
    wait_for(lambda: phase(site, job) == "finished")


def processes(site: Installation) -> set[psutil.Process]:
    """Return the processes of Redis and of the web."""
    return {child for name in ("redis", "web") for child in psutil.Process(site.pid(name)).children()}


def test_the_site_survives_a_full_disk(site: Installation) -> None:
    """It shows, runs, ends and cancels jobs, refuses submissions with their input kept, and then continues."""
    jobs = [submit(site, "expensive_greet", person="Ada", total=steps) for steps in ("6", "1000", "1000", "2")]
    wait_for(lambda: phase(site, jobs[1]) == "running")
    before = processes(site)
    fill(site)
    for job in (jobs[2], jobs[1]):  # one is waiting, the other one is running
        assert fetch(site, f"{job}/cancel", "POST").status == 303
    refused = greet(site, 1)
    assert refused.status == 503
    assert "not enough disk space" in refused.body
    assert 'value="Ada"' in refused.body
    assert "MIN_FREE_BYTES" in fetch(site, "/health/ready").body
    for job, end in zip(jobs, ("finished", "cancelled", "cancelled", "finished"), strict=True):
        wait_for(partial(lambda job, end: phase(site, job) == end, job, end))
    make_room(site)
    later = greet(site, 1).headers["Location"]
    wait_for(lambda: phase(site, later) == "finished")
    assert processes(site) >= before


def has_slept_since(supervisor: psutil.Process, number: int) -> bool:
    """Return whether a process has started to sleep twice, as the supervisor of Redis does before and after a check."""
    return bool(supervisor.num_ctx_switches().voluntary >= number + 2)


def test_redis_refuses_writes_when_its_reserve_is_used_up(site: Installation) -> None:
    """Pages are still shown. It accepts writes again when there is space, and nothing accepted is lost."""
    job = submit(site, "expensive_greet", person="Ada", total="1")
    before = processes(site)
    fill(site)
    written, refusal = 0, ""
    supervisor = psutil.Process(site.pid("redis"))
    while written < 1000 and not refusal:
        try:
            site.redis.set(f"big:{written}", bytes(64 * 1024))
            written += 1
        except RedisError as error:
            refusal = str(error)
        if written % 32 == 0:  # 2 MiB, half of what the server may write between two checks
            wait_for(partial(has_slept_since, supervisor, supervisor.num_ctx_switches().voluntary))
    assert "NOREPLICAS" in refusal
    assert written > 100
    assert phase(site, job) == "finished"
    assert greet(site, 1).status == 503
    make_room(site)
    wait_for_recovery(site)
    assert processes(site) >= before  # a second process of the web may have started since
    assert len(site.redis.keys("big:*")) == written


def test_the_site_starts_with_a_full_disk(site: Installation) -> None:
    """It shows the jobs that it has, and accepts new ones when there is space."""
    job = submit(site, "expensive_greet", person="Ada", total="1")
    wait_for(lambda: phase(site, job) == "finished")
    site.stop()
    fill(site)
    site.start("redis", "worker", "web")
    assert phase(site, job) == "finished"
    assert greet(site, 1).status == 503
    make_room(site)
    wait_for_recovery(site)


def test_a_disk_without_reservations_may_fill_up(
    site: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server ends at the first failed write, and is restarted so that pages are shown."""
    site.stop("redis")
    shutil.rmtree(site.settings.data_dir / "redis")
    with monkeypatch.context() as patch:
        patch.setenv("LD_PRELOAD", compiled_library(tmp_path, NO_FALLOCATE))
        site.start("redis")
    job = submit(site, "expensive_greet", person="Ada", total="1")
    wait_for(lambda: phase(site, job) == "finished")
    (server,) = psutil.Process(site.pid("redis")).children()
    os.kill(site.pid("redis"), signal.SIGSTOP)  # the supervisor does not see the disk fill up
    fill(site)
    with pytest.raises(RedisError):
        site.redis.set("big", bytes(64 * 1024))
    wait_for(lambda: server.status() == psutil.STATUS_ZOMBIE)
    os.kill(site.pid("redis"), signal.SIGCONT)
    wait_for(lambda: fetch(site, job).status == 200)
    assert phase(site, job) == "finished"
    assert greet(site, 1).status == 503
    make_room(site)
    wait_for_recovery(site)
