"""Job records in a real Redis, and their folders."""

import pytest
import redis

from greeter.core.errors import JobNotFound
from greeter.core.store import Store
from greeter.settings import Settings
from tests.conftest import Installation, free_port

pytestmark = pytest.mark.slow


@pytest.fixture
def store(own_installation: Installation) -> Store:
    """A store with nothing in it, and no worker that would take its jobs."""
    own_installation.start("redis")
    return own_installation.queue.store


def test_a_job_waits_behind_those_before_it(store: Store) -> None:
    """The place in the queue is exact, and moves when one begins or is removed."""
    ids = [str(number) * 32 for number in range(4)]
    for job_id in ids:
        store.create(job_id, "expensive_greet", {})
    assert [store.find(job_id).ahead for job_id in ids] == [0, 1, 2, 3]
    assert store.write(ids[0], {"state": "STARTED"})
    store.delete(ids[2])
    assert [store.find(job_id).ahead for job_id in (ids[0], ids[1], ids[3])] == [None, 0, 1]
    with pytest.raises(JobNotFound):
        store.find(ids[2])
    assert not store.folder(ids[2]).exists()


def test_parameters_come_back_as_they_were_given(store: Store) -> None:
    """Plain ones as values, bytes as the Path of a file with them."""
    store.create("a" * 32, "phmmer", {"query": b">a\nMKV\n", "targets": None, "evalue": 1e-5})
    params = store.params("a" * 32)
    assert params["query"].read_bytes() == b">a\nMKV\n"
    assert (params["targets"], params["evalue"]) == (None, 1e-5)


def test_reading_a_record_is_one_round_trip(store: Store) -> None:
    """Whatever state the job is in; that it does not grow with the queue is Redis's ZRANK."""
    store.create("a" * 32, "expensive_greet", {})
    store.find("a" * 32)
    before = store._redis.info("stats")["total_commands_processed"]
    store.find("a" * 32)
    commands = store._redis.info("commandstats")
    after = store._redis.info("stats")["total_commands_processed"]
    assert commands["cmdstat_evalsha"]["calls"] >= 2
    # The script, what it calls inside the server, and the INFOs: nothing else crossed the wire.
    assert after - before <= 1 + 2 + 2


def test_an_ended_or_removed_job_is_not_written(store: Store) -> None:
    """The first end state stays; no write makes a record."""
    store.create("a" * 32, "expensive_greet", {})
    assert store.write("a" * 32, {"state": "SUCCESS", "result": "{}"})
    for state in ("PROGRESS", "FAILURE", "REVOKED", "SUCCESS"):
        assert not store.write("a" * 32, {"state": state, "result": "late"})
    assert store.find("a" * 32).result == {}
    assert not store.write("b" * 32, {"state": "STARTED"})
    assert store._redis.keys("job:b*") == []


def test_nothing_is_left_of_a_job_that_could_not_be_kept(tmp_path) -> None:
    """Neither a record nor a folder."""
    away = Store(Settings(data_dir=tmp_path, redis_url=f"redis://127.0.0.1:{free_port()}/0"))
    with pytest.raises(redis.ConnectionError):
        away.create("a" * 32, "phmmer", {"query": b"x"})
    assert not list(tmp_path.rglob("*a*"))
