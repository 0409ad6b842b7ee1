"""The measurement of the jobs of one worker, in a real Redis; tests/test_recovery.py has it in a worker."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from secrets import token_hex

import pytest
from celery.worker import state

from greeter.jobs.failures import TOO_MANY_BYTES
from greeter.jobs.runner import Runner
from greeter.jobs.submission import Submission
from greeter.jobs.worker.meter import Meter
from tests.conftest import PATIENCE, Installation

pytestmark = pytest.mark.redis


@dataclass(eq=False)
class Request:
    """A request that a process of this worker runs."""

    id: str
    worker_pid: int


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """A process that runs until it is killed."""
    with subprocess.Popen(["sleep", "1000"]) as started:
        yield started
        started.kill()


@pytest.fixture
def job(with_redis: Installation, process: subprocess.Popen[bytes]) -> Iterator[str]:
    """A job that this process runs."""
    job_id = with_redis.store.create(token_hex(16), "nap", {}, Submission(client="192.0.2.1"))
    claim(with_redis, job_id)
    request = Request(job_id, process.pid)
    state.active_requests.add(request)
    yield job_id
    state.active_requests.discard(request)


@pytest.fixture
def meter(with_redis: Installation) -> Meter:
    """The meter of the worker that has the job."""
    meter = Meter(with_redis.jobs)
    meter._runner = Runner("this")
    return meter


def claim(site: Installation, job_id: str, share: float = 0) -> None:
    """Start an attempt of the job, which writes a part of what its client may have. The file is one hole."""
    claimed = site.store.runs.claim(job_id, Runner("this", 1), {})
    assert claimed
    claimed.folder.mkdir()
    write(site, job_id, share)


def write(site: Installation, job_id: str, share: float) -> None:
    """Let the current attempt write a part of what its client may have."""
    number = int(site.store.fields(job_id, "claims")["claims"])
    with (site.store.files.attempt(job_id, number) / "hole").open("wb") as file:
        file.truncate(int(share * site.settings.max_client_bytes))


def ended(site: Installation, job_id: str) -> tuple[str, str | None]:
    """Return the phase of the job, and its message."""
    record = site.store.find(job_id)
    return record.phase, record.user_message


def test_the_process_of_a_job_that_writes_too_much_is_killed(
    with_redis: Installation, job: str, meter: Meter, process: subprocess.Popen[bytes]
) -> None:
    """Its tool may hold the interpreter, so that it does not notice that the job has ended."""
    meter.measure()
    assert ended(with_redis, job)[0] == "running"
    write(with_redis, job, 1.1)
    meter.measure()
    process.wait(PATIENCE)
    assert ended(with_redis, job) == ("failed", TOO_MANY_BYTES)


def test_a_job_that_writes_too_much_is_killed_while_redis_is_unavailable(
    with_redis: Installation, job: str, meter: Meter, process: subprocess.Popen[bytes]
) -> None:
    """It ends once Redis is back. Without Redis, nothing is known of the other jobs of its client."""
    with_redis.redis.config_set("min-replicas-to-write", 1)
    write(with_redis, job, 0.9)
    meter.measure()
    assert process.poll() is None
    write(with_redis, job, 1.1)
    meter.measure()
    process.wait(PATIENCE)
    assert ended(with_redis, job)[0] == "running"
    with_redis.redis.config_set("min-replicas-to-write", 0)
    meter.measure()
    assert ended(with_redis, job) == ("failed", TOO_MANY_BYTES)
    assert with_redis.store.usage("192.0.2.1").client_bytes > with_redis.settings.max_client_bytes


def test_what_a_lost_attempt_wrote_does_not_count_for_the_next_one(
    with_redis: Installation, job: str, meter: Meter
) -> None:
    """Otherwise, the next one could write as much again before it counts as growing."""
    write(with_redis, job, 3)
    with_redis.jobs.requeue(job, Runner("this", 1))
    assert with_redis.store.usage("192.0.2.1").client_bytes > with_redis.settings.max_client_bytes
    claim(with_redis, job, 1.1)
    meter.measure()
    assert ended(with_redis, job) == ("failed", TOO_MANY_BYTES)
