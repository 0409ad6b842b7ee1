"""When the processes of a worker kill its main process; tests/test_workers.py has it with whole workers."""

import time

import pytest

from greeter.jobs.watchdog import Watchdog
from tests.conftest import PATIENCE, Installation, wait_for


@pytest.mark.slow
def test_a_main_process_that_waits_for_a_write_is_excused(with_redis: Installation) -> None:
    """Redis answers reads while its writes are paused, as during a failover; the main thread waits for a write."""
    watchdog = Watchdog(1, with_redis.store.require_writes)
    watchdog.beat()
    watchdog.excuse()
    pulse = watchdog._pulse[0]
    time.sleep(1.5)
    assert watchdog._pulse[0] == pulse
    with_redis.redis.client_pause(1000 * PATIENCE, all=False)
    try:
        wait_for(lambda: watchdog._pulse[0] != pulse)
    finally:
        with_redis.redis.client_unpause()
