"""The maintenance of one worker; tests/test_recovery.py has it among other workers."""

import os
import threading
import time
from pathlib import Path

import pytest

from greeter.jobs.recovery.cleaner import Cleaner
from greeter.jobs.recovery.sweeper import Sweeper
from greeter.jobs.runner import Runner
from tests.conftest import PATIENCE, Installation, wait_for

pytestmark = pytest.mark.redis


def sweep(sweeper: Sweeper) -> None:
    """Run the sweep at once."""
    sweeper._next_sweep = 0
    sweeper.run()


def test_a_job_is_requeued_when_two_sweeps_find_it_stale(with_redis: Installation) -> None:
    """One sweep is not enough, because it may come right after the whole machine was suspended."""
    jobs, store = with_redis.jobs, with_redis.store
    sweeper = Sweeper(jobs, "this")
    job_id = with_redis.submit("nap")
    store.runs.claim(job_id, Runner("other", 1), {})
    for _ in range(3):
        with_redis.redis.zincrby("jobs:running", -100, job_id)
        sweep(sweeper)
        assert store.find(job_id).phase == "running"
        store.runs.heartbeat(job_id, Runner("other"))
        sweep(sweeper)
    with_redis.redis.zincrby("jobs:running", -100, job_id)
    sweep(sweeper)
    sweep(sweeper)
    assert (store.find(job_id).phase, store.find(job_id).attempts) == ("waiting", 1)


def test_expired_jobs_are_deleted_when_redis_is_full(with_redis: Installation) -> None:
    """Deleting expired jobs frees memory."""
    jobs, store = with_redis.jobs, with_redis.store
    job_id = with_redis.submit("nap")
    store.cancel(job_id)
    with_redis.redis.zincrby("jobs:ended", -with_redis.settings.retention - 1, job_id)
    with_redis.redis.config_set("maxmemory", "1mb")
    sweep(Sweeper(jobs, "this"))
    wait_for(lambda: not with_redis.redis.exists(f"job:{job_id}"))
    assert not store.files.folder(job_id).exists()


def test_a_removal_that_takes_long_does_not_delay_the_heartbeat(
    with_redis: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the main thread waited for it, the worker would count as hanging, and all its jobs would restart."""
    root = with_redis.store.files.root
    assert not with_redis.jobs.fitness.problem()
    folder = root / ".gone-1"
    folder.mkdir()
    goes_on, rmdir = threading.Event(), Path.rmdir
    monkeypatch.setattr(Path, "rmdir", lambda path: (path != folder or goes_on.wait(PATIENCE)) and rmdir(path))
    sweeper = Sweeper(with_redis.jobs, "this")
    sweep(sweeper)
    assert folder.exists()
    goes_on.set()
    wait_for(lambda: not folder.exists())


def test_old_uploads_are_removed_while_the_clock_is_trusted(with_redis: Installation) -> None:
    """A worker does so, even if nobody submits anything. An hour after a jump of the clock, it counts as right."""
    uploads = with_redis.store.uploads
    assert not with_redis.jobs.fitness.problem()
    old, recent = (uploads.path(uploads.new()) for _ in range(2))
    for path, age in ((old, 90_000), (recent, 80_000)):
        path.touch()
        os.utime(path, (time.time() - age,) * 2)
    with_redis.redis.hset("clock", mapping={"last": time.time(), "trusted_from": time.time() + 60})
    cleaner = Cleaner(with_redis.jobs)
    cleaner.clean()
    assert old.exists()
    with_redis.redis.hset("clock", "trusted_from", 0)
    cleaner.clean()
    assert (old.exists(), recent.exists()) == (False, True)


def test_a_worker_ends_a_job_that_another_one_has_taken_over(with_redis: Installation) -> None:
    """It does so even if the process cannot send a heartbeat. It leaves jobs alone that are not claimed, or unknown."""
    store = with_redis.store
    mine, lost, waiting = (with_redis.submit("nap") for _ in range(3))
    store.runs.claim(mine, Runner("this", 1), {})
    store.runs.claim(lost, Runner("other", 1), {})
    jobs = [mine, lost, waiting, "f" * 32]
    assert store.upkeep.worker_heartbeat("this", ["celery"], [], jobs) == [lost]
