"""Which failures of a job are those of the machine; tests/test_fitness.py has it with whole workers."""

import dataclasses

import pytest

from greeter.jobs import fitness
from greeter.jobs.pool_process import PoolProcess, Requeue
from greeter.jobs.store import Store
from tests.conftest import Installation, free_port


@pytest.mark.redis
def test_a_disk_that_was_missing_excuses_a_failure_although_redis_was_too(with_redis: Installation) -> None:
    """The disk is looked at without waiting for Redis, because it may be there again when Redis answers."""
    store, error = with_redis.store, FileNotFoundError("outputs")
    assert fitness.problem(store) is None
    assert PoolProcess(store).assess_failure(error) is None
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    without_redis = PoolProcess(Store(dataclasses.replace(with_redis.settings, redis_url=nowhere)))
    store.files.root.rename(with_redis.settings.data_dir / "missing")
    assert without_redis.assess_failure(error) == Requeue(counted=False, reason=error)
