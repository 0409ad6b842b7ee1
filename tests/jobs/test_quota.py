"""The bytes of running jobs and their clients, in a real Redis and real folders."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from greeter import tools
from greeter.jobs.errors import TooManyBytes
from greeter.jobs.files.trees import free_space
from greeter.jobs.records.store import Store
from greeter.jobs.runner import Claim, Runner
from greeter.jobs.submission import Submission
from tests.conftest import Installation

pytestmark = pytest.mark.redis

ADA, BOB = "192.0.2.1", "192.0.2.2"
LIMIT, SHARE = 1_000_000, 250_000
WORKER = Runner("worker")


@pytest.fixture
def store(with_redis: Installation) -> Store:
    """A store in which a client may have 1 MB and four active jobs."""
    return Store(dataclasses.replace(with_redis.settings, max_client_bytes=LIMIT, max_active=4))


def start(store: Store, job_id: str, client: str = ADA, size: int = 100) -> Claim:
    """Create a job with an input of this size, and claim it."""
    file = Path(store.files.root.parent, "query")
    file.write_bytes(bytes(size))
    store.create(job_id, "phmmer", {"query": file}, Submission(client=client))
    claimed = store.runs.claim(job_id, Runner("worker", 1), {})
    assert claimed
    (claimed.folder / "outputs").mkdir(parents=True)
    return claimed


def write(claim: Claim, size: int) -> None:
    """Let a job write a file of this size."""
    (claim.folder / "outputs" / "hits.tsv").write_bytes(bytes(size))


def counted(store: Store, client: str = ADA) -> int:
    """Return the bytes that count for a client."""
    return store.usage(client).client_bytes


def test_the_files_of_a_running_job_count(store: Store) -> None:
    """So its client can submit no more, while others can."""
    job = start(store, "a" * 32)
    before = counted(store)
    write(job, LIMIT - before - 10_000)
    assert not store.quota.measure_running(job.job_id, WORKER)
    assert LIMIT - 20_000 < counted(store) < LIMIT
    with pytest.raises(TooManyBytes):
        start(store, "b" * 32)
    start(store, "c" * 32, BOB)
    write(job, 0)
    assert not store.quota.measure_running(job.job_id, WORKER)
    assert counted(store) < 50_000


def test_submissions_at_the_same_moment_do_not_exceed_the_limit(store: Store) -> None:
    """They all pass the first check, before their files are copied, but not the one that counts them."""
    file = Path(store.files.root.parent, "query")
    file.write_bytes(bytes(LIMIT * 2 // 5))
    together = Barrier(4)

    def submit(letter: str) -> str:
        together.wait()
        try:
            return store.create(letter * 32, "phmmer", {"query": file}, Submission(client=ADA))
        except TooManyBytes:
            return ""

    for letters in ("abcd", "ef01", "2345"):
        with ThreadPoolExecutor(4) as clients:
            created = {job_id for job_id in clients.map(submit, letters) if job_id}
        assert len(created) == 2
        assert counted(store) < LIMIT
        assert {path.name for path in store.files.root.glob("[!.]*")} == created
        for job_id in created:
            store.cancel(job_id)
            assert store.delete(job_id)


def test_a_job_that_writes_while_its_client_has_too_much_has_to_end(store: Store) -> None:
    """The one that writes, not one that has stopped to, nor one with less than its share, nor one of another client."""
    large, small, still = (start(store, letter * 32) for letter in "abc")
    other = start(store, "d" * 32, BOB)
    write(still, 2 * SHARE)
    assert not store.quota.measure_running(still.job_id, WORKER)
    write(large, LIMIT - SHARE)
    write(small, SHARE - 50_000)
    write(other, LIMIT - SHARE)
    jobs = (still, small, other, large)
    assert [store.quota.measure_running(job.job_id, WORKER) for job in jobs] == [False, False, False, True]
    write(small, SHARE)
    assert [store.quota.measure_running(job.job_id, WORKER) for job in jobs] == [False, True, False, False]


def test_a_job_that_no_longer_runs_there_is_left_alone(store: Store) -> None:
    """The measurement may have taken longer than the job, or another worker may have taken it over."""
    job = start(store, "a" * 32)
    write(job, 2 * LIMIT)
    assert not store.quota.measure_running(job.job_id, Runner("other"))
    assert counted(store) < 50_000
    write(job, 100)
    store.runs.update(job.job_id, Runner("worker", 1), "SUCCESS", {"result": "{}"})
    ended = counted(store)
    write(job, 2 * LIMIT)
    assert not store.quota.measure_running(job.job_id, WORKER)
    assert counted(store) == ended


def test_what_a_running_tool_writes_beside_its_input_counts(store: Store) -> None:
    """But not the copy of the input, which has been counted with the input."""
    job = start(store, "a" * 32, size=200_000)
    submitted = counted(store)
    assert not store.quota.measure_running(job.job_id, WORKER)
    assert counted(store) - submitted < 10_000  # the folders of the attempt
    query = job.params["query"]
    query.with_name("query.index").write_bytes(bytes(300_000))
    assert not store.quota.measure_running(job.job_id, WORKER)
    assert counted(store) - submitted > 300_000
    store.runs.update(job.job_id, Runner("worker", 1), "SUCCESS", {"result": "{}"})
    assert counted(store) - submitted < 10_000


def test_a_submission_leaves_min_free_bytes(with_redis: Installation) -> None:
    """One that is larger than what is free beyond them is refused before it is copied. The file is one hole."""
    file = with_redis.settings.data_dir / "query"
    with file.open("wb") as query:
        query.truncate(free_space(with_redis.store.files.root).bytes + 2**30)
    with pytest.raises(OSError, match="less than MIN_FREE_BYTES"):
        with_redis.jobs.submit(tools.load()["phmmer"], {"query": file, "targets": None, "evalue": 1.0})
    assert not list(with_redis.store.files.root.glob("[!.]*"))


def test_the_owner_of_an_upload_is_known_without_redis(store: Store) -> None:
    """So the form comes back without a delay while Redis hangs. Only the first call needs the key from Redis."""
    assert not store.redis.exists("client_key")
    owner = store.quota.owner(ADA, waits=False)
    assert owner == store.quota.owner(ADA) != store.quota.owner(BOB)
    store.redis.delete("client_key")
    assert store.quota.owner(ADA, waits=False) == owner
    assert not store.redis.exists("client_key")
    assert store.quota.owner(ADA) != owner
