"""The clock of Redis, the only one that counts, is set forward and back under running jobs (by a preloaded library)."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from greeter.jobs.recovery.cleaner import Cleaner
from tests.conftest import Installation, compiled_library, wait_for
from tests.test_recovery import running

DAY = 86_400
FAKE_CLOCK = """
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static long offset(void) {
  char text[32] = "";
  int file = open(getenv("CLOCK_OFFSET"), O_RDONLY);
  if (file >= 0 && read(file, text, 31) >= 0) close(file);
  return atol(text);
}
int clock_gettime(clockid_t id, struct timespec *now) {
  int result = syscall(SYS_clock_gettime, id, now);
  if (id == CLOCK_REALTIME) now->tv_sec += offset();
  return result;
}
int gettimeofday(struct timeval *now, void *zone) {
  struct timespec exact;
  clock_gettime(CLOCK_REALTIME, &exact);
  now->tv_sec = exact.tv_sec;
  now->tv_usec = exact.tv_nsec / 1000;
  return 0;
}
time_t time(time_t *now) {
  struct timespec exact;
  clock_gettime(CLOCK_REALTIME, &exact);
  if (now) *now = exact.tv_sec;
  return exact.tv_sec;
}
"""

pytestmark = [pytest.mark.slow, pytest.mark.unmeasured]


def fake_clock(site: Installation, folder: Path, more: str = "") -> Path:
    """Let Redis read its clock with an offset in seconds, which is in the file that is returned."""
    offset = folder / "offset"
    offset.write_text("+0")
    library = compiled_library(folder, FAKE_CLOCK + more)
    site.more_environ["redis"] = {"LD_PRELOAD": library, "CLOCK_OFFSET": str(offset)}
    return offset


@pytest.fixture
def set_clock(own_installation: Installation, tmp_path: Path) -> Callable[[int], None]:
    """Start Redis with a clock that the test can set; call it with seconds from now."""
    offset = fake_clock(own_installation, tmp_path)
    own_installation.start("redis")

    def set_clock(seconds: int) -> None:
        before = own_installation.redis.time()[0]
        offset.write_text(f"{seconds:+d}")
        wait_for(lambda: abs(own_installation.redis.time()[0] - before) > DAY / 2)

    return set_clock


def test_a_job_of_a_dead_worker_restarts_after_the_clock_was_set_back(
    own_installation: Installation, set_clock: Callable[[int], None]
) -> None:
    """Its last heartbeat is in the future, which counts as stale."""
    site = own_installation
    set_clock(DAY)
    site.start("worker")
    job, cancelled = site.submit("diary", seconds=3.0), site.submit("diary", seconds=60.0)
    running(site, job)
    running(site, cancelled)
    site.signal("worker", signal.SIGKILL)
    set_clock(0)
    site.jobs.cancel(cancelled)
    assert site.store.find(cancelled).phase == "cancelled"
    site.start("worker")
    assert site.ended(job).phase == "finished"
    wait_for(lambda: site.workers() == 1)


def test_a_lost_message_is_sent_again_after_the_clock_was_set_back(
    own_installation: Installation, set_clock: Callable[[int], None]
) -> None:
    """The order of the queue is the order of submission, whatever the clock says."""
    site = own_installation
    set_clock(DAY)
    before = [site.submit("diary", seconds=0.1) for _ in range(2)]
    set_clock(0)
    after = [site.submit("diary", seconds=0.1) for _ in range(2)]
    assert [site.store.find(job).ahead for job in before + after] == [0, 1, 2, 3]
    site.redis.delete("celery")
    site.start("worker")
    assert [site.ended(job).phase for job in before + after] == ["finished"] * 4


def test_running_jobs_survive_a_clock_that_jumps(
    own_installation: Installation, set_clock: Callable[[int], None]
) -> None:
    """Their heartbeats continue, so they are not restarted."""
    site = own_installation
    site.start("worker")
    job = site.submit("diary", seconds=12.0)
    running(site, job)
    for offset in (DAY, 0, 8 * DAY, 0):
        set_clock(offset)
    record = site.ended(job)
    assert (record.phase, record.attempts) == ("finished", 1)


def test_results_survive_a_clock_that_jumps_beyond_their_retention(
    own_installation: Installation, set_clock: Callable[[int], None]
) -> None:
    """They are kept for another hour, in which the clock can be corrected, and expire after that."""
    site = own_installation
    site.start("worker")
    job = site.submit("diary", seconds=0.1)
    site.ended(job)
    wait_for(lambda: site.redis.hexists("clock", "last"))
    set_clock(8 * DAY)
    later = site.submit("diary", seconds=12.0)
    site.ended(later)  # at least one sweep has seen the jump
    assert site.store.find(job).phase == "finished"
    assert site.store.files.folder(job).exists()
    site.redis.hset("clock", "trusted_from", 0)
    wait_for(lambda: not site.store.files.folder(job).exists())


def test_files_survive_a_clock_of_their_disk_that_jumps(
    own_installation: Installation, set_clock: Callable[[int], None]
) -> None:
    """That of the host which sweeps a shared disk, for example; the clock of Redis, which is right, is behind it."""
    set_clock(-9 * DAY)
    store = own_installation.store
    assert not own_installation.jobs.fitness.problem()
    upload, folder = store.uploads.path(store.uploads.new()), store.files.folder("a" * 32)
    upload.touch()
    folder.mkdir()
    for path in (upload, folder):
        os.utime(path, (time.time() - 9 * DAY,) * 2)
    Cleaner(own_installation.jobs).clean()
    assert upload.exists()
    assert folder.exists()
