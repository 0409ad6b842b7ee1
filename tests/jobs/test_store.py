"""Job records in a real Redis, and their folders."""

import dataclasses
import os
import time
from hashlib import sha256
from pathlib import Path

import pytest
import redis

from greeter.jobs.errors import JobNotFound, QueueFull, TooManyJobs
from greeter.jobs.record import Record
from greeter.jobs.store import Store, Submission
from greeter.settings import Settings
from tests.conftest import Installation, free_port

pytestmark = pytest.mark.redis


@pytest.fixture
def store(own_installation: Installation) -> Store:
    """A store with nothing in it, and no worker that would take its jobs."""
    own_installation.start("redis")
    return own_installation.queue.store


def create(store: Store, job_id: str, **told: str) -> str:
    """Keep a job of the greeting."""
    return store.create(job_id, "expensive_greet", {"person": "Ada", "total": 1}, Submission(**told))


def test_a_job_waits_behind_those_before_it(store: Store) -> None:
    """The place in the queue is exact, and moves when one begins or is cancelled."""
    ids = [str(number) * 32 for number in range(4)]
    for job_id in ids:
        assert create(store, job_id) == job_id
    assert [store.find(job_id).ahead for job_id in ids] == [0, 1, 2, 3]
    assert store.claim(ids[0], "w", 1, {}) == {"person": "Ada", "total": 1}
    assert store.cancel(ids[2]) == "cancelled"
    assert [store.find(job_id).ahead for job_id in (ids[0], ids[1], ids[3])] == [None, 0, 1]


def test_parameters_come_back_as_they_were_given(store: Store) -> None:
    """Plain ones as values, bytes as the Path of a file with them, whose sum is kept."""
    given = {"query": b">a\nMKV\n", "targets": None, "evalue": 1e-5}
    store.create("a" * 32, "phmmer", given, Submission())
    params = store.claim("a" * 32, "w", 1, {"pyhmmer": "1"}) or {}
    assert params["query"].read_bytes() == b">a\nMKV\n"
    assert (params["targets"], params["evalue"]) == (None, 1e-5)
    assert store.params("a" * 32) == params
    details = store.details("a" * 32)
    assert details["sums"] == {"query": sha256(b">a\nMKV\n").hexdigest()}
    assert details["versions"] == {"pyhmmer": "1"}


def test_reading_a_record_is_one_round_trip(store: Store) -> None:
    """One command crosses the wire, whatever state the job is in."""
    create(store, "a" * 32)
    store.find("a" * 32)
    with store.redis.monitor() as monitor:
        for _ in range(2):
            store.redis.ping()
            store.find("a" * 32)
        asked: list[str] = []
        while asked.count("EVALSHA") < 2:
            command = monitor.next_command()
            if command["client_type"] != "lua":
                asked.append(command["command"].split()[0])
    assert asked[-3:] == ["EVALSHA", "PING", "EVALSHA"]


def test_what_is_shown_changes_only_with_what_people_see(store: Store) -> None:
    """Seconds count in the first minute only, silence from half a minute on, and only while the job runs."""
    create(store, "a" * 32)
    store.claim("a" * 32, "w", 1, {})

    def shift(field: str, seconds: float) -> Record:
        store.redis.hincrbyfloat("job:" + "a" * 32, field, seconds)
        return store.find("a" * 32)

    assert shift("started", -30.5).elapsed == 30
    assert shift("started", -100).elapsed == 120
    assert shift("started", -40).elapsed == 120
    assert shift("started", -20).elapsed == 180
    assert shift("seen", -28).silence == 0
    assert shift("seen", -5).silence == 33
    assert shift("seen", -60).silence == 60
    store.write("a" * 32, "w", "SUCCESS", {"result": "{}"})
    tag = shift("ended", -100).tag
    record = shift("seen", -100)
    assert record.tag == tag
    assert (record.silence, record.elapsed) == (0, 60)


def test_the_same_form_makes_one_job(store: Store) -> None:
    """Submitted twice it is one job, with other input another, and without a token each is its own."""
    assert create(store, "a" * 32, token="form") == "a" * 32
    assert create(store, "b" * 32, token="form") == "a" * 32
    assert not store.folders.of("b" * 32).exists()
    other = store.create("c" * 32, "expensive_greet", {"person": "Grace", "total": 1}, Submission(token="form"))
    assert other == "c" * 32
    assert (create(store, "d" * 32), create(store, "e" * 32)) == ("d" * 32, "e" * 32)


def test_the_queue_and_each_client_have_a_limit(own_installation: Installation) -> None:
    """A refused job leaves nothing, and an ended one makes room."""
    own_installation.start("redis")
    settings = dataclasses.replace(own_installation.settings, max_waiting=3, max_active=2)
    store = Store(settings)
    for job_id in ("a" * 32, "b" * 32):
        create(store, job_id, client="1.2.3.4")
    with pytest.raises(TooManyJobs):
        create(store, "c" * 32, client="1.2.3.4")
    create(store, "c" * 32, client="5.6.7.8")
    with pytest.raises(QueueFull):
        create(store, "d" * 32, client="9.9.9.9")
    assert not store.folders.of("d" * 32).exists()
    store.cancel("a" * 32)
    create(store, "d" * 32, client="1.2.3.4")
    store.redis.close()


def test_what_cannot_be_kept_leaves_nothing(tmp_path: Path) -> None:
    """Neither a record nor a folder, when Redis is away."""
    away = Store(Settings(data_dir=tmp_path, redis_url=f"redis://127.0.0.1:{free_port()}/0"))
    with pytest.raises(redis.ConnectionError):
        create(away, "a" * 32)
    assert not list(tmp_path.rglob("*a*"))


def test_old_jobs_and_orphaned_folders_are_found(store: Store) -> None:
    """A job by the time of its end; a folder without a record when it is as old as the oldest job."""
    create(store, "a" * 32)
    store.cancel("a" * 32)
    assert store.expired() == []
    store.redis.zincrby("jobs:ended", -7 * 86_400 - 1, "a" * 32)
    assert store.expired() == ["a" * 32]
    for age, name in ((0, "b" * 32), (7 * 86_400 + 1, "c" * 32), (7 * 86_400 + 1, "a" * 32)):
        store.folders.of(name).mkdir(exist_ok=True)
        os.utime(store.folders.of(name), (time.time() - age,) * 2)
    store.remove_orphans()
    assert sorted(path.name[0] for path in store.folders.of("x").parent.iterdir()) == ["a", "b"]
    assert store.delete("a" * 32)
    assert not store.folders.of("a" * 32).exists()
    with pytest.raises(JobNotFound):
        store.find("a" * 32)


def test_a_job_that_nobody_runs_is_cancelled_at_once(own_installation: Installation) -> None:
    """Its process has not been heard of for too long, so there is nobody to tell."""
    own_installation.start("redis")
    store = own_installation.queue.store
    for job_id, silence in (("a" * 32, 0), ("b" * 32, own_installation.settings.silence_limit + 1)):
        create(store, job_id)
        store.claim(job_id, "worker", 1, {})
        store.redis.hincrbyfloat(f"job:{job_id}", "seen", -silence)
        assert store.cancel(job_id) == ("cancelled" if silence else "running")
    assert (store.find("a" * 32).cancelling, store.find("b" * 32).phase) == (True, "cancelled")
    assert not store.write("b" * 32, "worker", "SUCCESS", {"result": '"late"'})


def test_a_silent_job_that_is_heard_of_again_is_not_lost(own_installation: Installation) -> None:
    """However old the list of silent jobs is from which somebody takes it."""
    own_installation.start("redis")
    store, silence = own_installation.queue.store, own_installation.settings.silence_limit
    create(store, "a" * 32)
    store.claim("a" * 32, "worker", 1, {})
    store.redis.hincrbyfloat("job:" + "a" * 32, "seen", -silence - 1)
    assert store.silent() == [("a" * 32, "worker")]
    store.beat("a" * 32, "worker", 1)
    assert store.lose("a" * 32, "worker", silent=True, counted=True) is None
    store.redis.hincrbyfloat("job:" + "a" * 32, "seen", -silence - 1)
    assert store.lose("a" * 32, "worker", silent=True, counted=True) == "PENDING"
    store.claim("a" * 32, "worker", 2, {})  # two sweeps had the same list
    assert store.lose("a" * 32, "worker", silent=True, counted=True) is None
    assert (store.find("a" * 32).phase, store.find("a" * 32).attempts) == ("running", 2)


def test_a_lost_message_is_missed_whatever_else_is_sent(own_installation: Installation) -> None:
    """That of a cancelled job stays, and must not pass for it; the job waits where its new message is."""
    own_installation.start("redis")
    store, redis = own_installation.queue.store, own_installation.redis
    cancelled, lost, other = (own_installation.submit("nap") for _ in range(3))
    store.cancel(cancelled)
    redis.lrem("celery", 0, redis.lindex("celery", -2))
    assert redis.llen("celery") == redis.zcard("jobs:waiting") == 2
    assert store.unsent() == []
    for job_id in (lost, other):
        redis.zincrby("jobs:waiting", -11, job_id)
    assert store.unsent() == [lost]
    assert (store.find(lost).ahead, store.find(other).ahead) == (1, 0)
    assert store.unsent() == []


def test_an_attempt_begins_without_the_files_of_the_one_before(store: Store) -> None:
    """Or half of a table would be offered as the result of the next."""
    create(store, "a" * 32)
    store.claim("a" * 32, "worker", 1, {})
    outputs = store.folders.of("a" * 32) / "outputs"
    outputs.mkdir()
    (outputs / "half.tsv").write_text("half")
    store.lose("a" * 32, "worker", silent=False, counted=True)
    store.claim("a" * 32, "other", 2, {})
    assert store.folders.outputs("a" * 32) == []
