"""Which failures of a job are those of the machine; tests/test_fitness.py has it with whole workers."""

from threading import Timer

import pytest

from greeter.jobs import fitness
from greeter.jobs.pool_process import PoolProcess, Requeue
from tests.conftest import Installation, wait_for


@pytest.mark.slow
def test_a_disk_that_was_missing_excuses_a_failure_although_redis_was_too(with_redis: Installation) -> None:
    """The disk is looked at before Redis answers again, because it may be there again by then."""
    store, error = with_redis.store, FileNotFoundError("outputs")
    process = PoolProcess(store)
    assert fitness.problem(store) is None
    assert process.assess_failure(error) is None
    missing = store.files.root.rename(with_redis.settings.data_dir / "missing")
    with_redis.redis.client_pause(1500)
    back = Timer(0.5, missing.rename, [store.files.root])
    back.start()
    assert process.assess_failure(error) == Requeue(counted=False, reason=error)
    back.join()
    wait_for(lambda: with_redis.answers("redis"))
