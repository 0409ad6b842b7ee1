"""When the processes of a worker kill its main process; tests/test_workers.py has it with whole workers."""

import time

import pytest

from greeter.jobs.records import scripts
from greeter.jobs.records.store import Store
from greeter.jobs.recovery.watchdog import Watchdog
from tests.conftest import PATIENCE, Installation, wait_for


@pytest.mark.slow
def test_a_main_process_that_waits_for_a_write_is_excused(
    with_redis: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis answers reads while its writes are paused, as during a failover; the main thread waits for a write."""
    stores = [with_redis.store]
    watchdog = Watchdog(1, lambda: stores[-1].upkeep.require_writes())
    watchdog.beat()
    watchdog.excuse()
    pulse = watchdog._pulse[0]
    time.sleep(1.5)
    assert watchdog._pulse[0] == pulse
    monkeypatch.setattr(scripts, "_PATIENCE", 1)
    stores.append(Store(with_redis.settings))
    with_redis.redis.client_pause(1000 * PATIENCE, all=False)
    try:
        wait_for(lambda: watchdog._pulse[0] != pulse)
    finally:
        with_redis.redis.client_unpause()
        stores[-1].redis.close()
