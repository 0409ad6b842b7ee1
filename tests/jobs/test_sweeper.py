"""What the main process of a worker sees to; that it does so among others is in tests/test_recovery.py."""

import pytest

from greeter.jobs.sweeper import Keeper
from tests.conftest import Installation

pytestmark = pytest.mark.redis


def sweep(keeper: Keeper) -> None:
    """Do now what is due every few seconds."""
    keeper._next_sweep = 0
    keeper.tend()


def test_a_job_is_lost_when_two_sweeps_find_it_silent(own_installation: Installation) -> None:
    """One may come right after the whole machine has slept, before its worker could be heard of again."""
    own_installation.start("redis")
    queue = own_installation.queue
    keeper = Keeper(queue)
    job_id = own_installation.submit("nap")
    queue.store.claim(job_id, "other", 1, {})
    for _ in range(3):
        own_installation.redis.hincrbyfloat(f"job:{job_id}", "seen", -100)
        sweep(keeper)
        assert queue.store.find(job_id).phase == "running"
        queue.store.beat(job_id, "other")
        sweep(keeper)
    own_installation.redis.hincrbyfloat(f"job:{job_id}", "seen", -100)
    sweep(keeper)
    sweep(keeper)
    assert (queue.store.find(job_id).phase, queue.store.find(job_id).attempts) == ("waiting", 1)


def test_a_full_redis_still_loses_what_is_old(own_installation: Installation) -> None:
    """Which makes room."""
    own_installation.start("redis")
    queue = own_installation.queue
    job_id = own_installation.submit("nap")
    queue.store.cancel(job_id)
    own_installation.redis.zincrby("jobs:ended", -own_installation.settings.retention - 1, job_id)
    own_installation.redis.config_set("maxmemory", "1mb")
    sweep(Keeper(queue))
    assert not own_installation.redis.exists(f"job:{job_id}")
    assert not queue.store.folders.of(job_id).exists()
