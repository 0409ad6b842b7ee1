"""The records of jobs in a real Redis, and their folders."""

import dataclasses
import os
import time
from datetime import date
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import redis
from kombu.utils.json import dumps

from greeter.jobs.errors import JobNotFound, QueueFull, StorageFull, TooManyBytes, TooManyJobs
from greeter.jobs.files.probe import NoAnswer
from greeter.jobs.log_fields import log_fields
from greeter.jobs.record import Record
from greeter.jobs.records.runs import MAX_STARTS
from greeter.jobs.records.scripts import Fields
from greeter.jobs.records.store import Store
from greeter.jobs.recovery.cleaner import Cleaner
from greeter.jobs.runner import Claim, Runner
from greeter.jobs.submission import Submission
from greeter.settings import Settings
from greeter.toolkit import ToolError
from tests.conftest import Installation, free_port, largest_file, small_disk

pytestmark = pytest.mark.redis


@pytest.fixture
def store(with_redis: Installation) -> Store:
    """An empty store, with no worker to take its jobs."""
    return with_redis.store


def create(store: Store, job_id: str, **details: Any) -> str:
    """Create a greeting job."""
    return store.create(job_id, "expensive_greet", {"person": "Ada", "total": 1}, Submission(**details))


def claim(store: Store, job_id: str, runner: Runner, **versions: str) -> Claim:
    """Claim a job that is waiting."""
    claimed = store.runs.claim(job_id, runner, versions)
    assert claimed
    return claimed


def test_jobs_wait_in_order_of_submission(store: Store) -> None:
    """The place in the queue is exact, and changes when a job ahead starts or is cancelled."""
    ids = [str(number) * 32 for number in range(4)]
    for job_id in ids:
        assert create(store, job_id) == job_id
    assert [store.find(job_id).ahead for job_id in ids] == [0, 1, 2, 3]
    assert claim(store, ids[0], Runner("w", 1)).params == {"person": "Ada", "total": 1}
    assert store.cancel(ids[2]) == "cancelled"
    assert [store.find(job_id).ahead for job_id in (ids[0], ids[1], ids[3])] == [None, 0, 1]


def test_parameters_are_returned_as_submitted(store: Store, tmp_path: Path) -> None:
    """Files are copied; their names and checksums are stored. Dates, exact numbers and lists stay what they are."""
    files = []
    for name in ("1.txt", "2.txt"):
        (tmp_path / name).write_text(name)
        files.append(tmp_path / name)
    plain = {"targets": None, "evalue": 1e-5, "when": date(2027, 1, 9), "exact": Decimal("0.10"), "some": ["a", "b"]}
    submission = Submission(filenames={"query": "my query.fa", "reads": ["x", "y"], "targets": ""})
    store.create("a" * 32, "phmmer", {"query": files[0], "reads": files, "none": [], **plain}, submission)
    for file in files:
        file.unlink()
    params = claim(store, "a" * 32, Runner("w", 1), pyhmmer="1").params
    assert params["query"].read_text() == "1.txt"
    assert [path.read_text() for path in params["reads"]] == ["1.txt", "2.txt"]
    assert {name: value for name, value in params.items() if name not in ("query", "reads")} == plain | {"none": []}
    assert store.params("a" * 32) == {**params, **store.files.inputs("a" * 32)}
    provenance = store.provenance("a" * 32)
    sums = [sha256(name).hexdigest() for name in (b"1.txt", b"2.txt")]
    assert provenance.checksums == {"query": sums[0], "reads": sums}
    assert provenance.files == [("query", "my query.fa", sums[0]), ("reads", "x", sums[0]), ("reads", "y", sums[1])]
    assert provenance.versions == {"pyhmmer": "1"}
    assert store.files.has_inputs("a" * 32, provenance.checksums)
    store.files.remove_inputs("a" * 32)
    assert store.files.inputs("a" * 32) == {}


def test_reading_a_record_is_one_round_trip(store: Store) -> None:
    """Only one command is sent, whatever the state of the job."""
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


def test_the_snapshot_changes_only_when_the_page_does(store: Store) -> None:
    """Seconds are counted in the first minute only, and silence from 30 seconds on while the job is running."""
    create(store, "a" * 32)
    store.runs.claim("a" * 32, Runner("w", 1), {})

    def shift(field: str, seconds: float) -> Record:
        store.redis.hincrbyfloat("job:" + "a" * 32, field, seconds)
        return store.find("a" * 32)

    assert shift("started", -20).elapsed in range(20, 60)
    assert shift("started", -105).elapsed == 120
    assert shift("started", -20).elapsed == 120
    assert shift("started", -60).elapsed == 180
    for seconds, silence in ((-10, [0]), (-25, range(35, 60)), (-60, [60])):
        store.redis.zincrby("jobs:running", seconds, "a" * 32)
        assert store.find("a" * 32).silence in silence
    store.runs.update("a" * 32, Runner("w"), "SUCCESS", {"result": "{}"})
    record = shift("ended", -110)
    assert (record.silence, record.elapsed) == (0, 60)


@pytest.mark.parametrize(("change", "phase"), [({}, "finished"), ({"partial": 1}, "stopped"), (None, "cancelled")])
def test_a_change_returns_what_the_log_says(store: Store, change: Fields | None, phase: str) -> None:
    """The fields are those of the record, so the log needs no further call. A runner that lost the job gets none."""
    job_id, runner = "a" * 32, Runner("w", 1)
    create(store, job_id)
    store.runs.claim(job_id, runner, {})
    line = store.runs.update(job_id, runner, "PROGRESS", {"progress": "{}"})
    assert line
    assert int(line["seconds"]) < 100
    assert line == log_fields(store.find(job_id)) | {"state": "running", "seconds": line["seconds"]}
    store.redis.hincrbyfloat(f"job:{job_id}", "started", -100)
    if change is None:
        store.cancel(job_id)
    line = store.runs.update(job_id, runner, "SUCCESS", {"result": "{}", **(change or {})})
    assert line
    assert int(line["seconds"]) >= 100
    assert line == log_fields(store.find(job_id)) | {"state": phase, "seconds": line["seconds"]}
    assert store.runs.update(job_id, runner, "SUCCESS", {"result": "{}"}) is None


def test_submitting_a_form_twice_creates_one_job(store: Store) -> None:
    """Other input or another name creates another job, and so does every submission without a token."""
    assert create(store, "a" * 32, token="form") == "a" * 32
    assert create(store, "b" * 32, token="form") == "a" * 32
    assert not store.files.folder("b" * 32).exists()
    other = store.create("c" * 32, "expensive_greet", {"person": "Grace", "total": 1}, Submission(token="form"))
    assert other == "c" * 32
    assert create(store, "d" * 32, token="form", label="Mine") == "d" * 32
    assert (create(store, "e" * 32), create(store, "f" * 32)) == ("e" * 32, "f" * 32)


def test_the_token_of_a_form_is_kept_as_long_as_its_job(store: Store) -> None:
    """A time to live depends on the clock: a form that is sent again after it jumps would create a second job."""
    create(store, "a" * 32, token="form")
    assert [store.redis.ttl(key) for key in store.redis.keys("token:*")] == [-1]
    store.cancel("a" * 32)
    assert create(store, "b" * 32, token="form") == "a" * 32
    store.delete("a" * 32)
    assert store.redis.keys("token:*") == []
    assert create(store, "c" * 32, token="form") == "c" * 32


def test_the_queue_and_each_client_have_a_limit(with_redis: Installation) -> None:
    """A refused job leaves nothing behind, and an ended job makes room."""
    settings = dataclasses.replace(with_redis.settings, max_waiting=3, max_active=2)
    store = Store(settings)
    for job_id in ("a" * 32, "b" * 32):
        create(store, job_id, client="1.2.3.4")
    with pytest.raises(TooManyJobs):
        create(store, "c" * 32, client="1.2.3.4")
    create(store, "c" * 32, client="5.6.7.8")
    with pytest.raises(QueueFull):
        create(store, "d" * 32, client="9.9.9.9")
    assert not store.files.folder("d" * 32).exists()
    store.cancel("a" * 32)
    create(store, "d" * 32, client="1.2.3.4")
    store.redis.close()


def test_a_failed_submission_leaves_nothing(tmp_path: Path) -> None:
    """Without Redis, it leaves no record and no folder."""
    away = Store(Settings(data_dir=tmp_path, redis_url=f"redis://127.0.0.1:{free_port()}/0"))
    with pytest.raises(redis.ConnectionError):
        create(away, "a" * 32)
    assert not list(tmp_path.rglob("*a*"))


def test_expired_jobs_and_orphaned_folders_are_found(store: Store) -> None:
    """A job expires by the time of its end, a folder without a record by its age."""
    create(store, "a" * 32)
    store.cancel("a" * 32)
    assert store.upkeep.expired_jobs() == []
    store.redis.zincrby("jobs:ended", -7 * 86_400 - 1, "a" * 32)
    assert store.upkeep.expired_jobs() == ["a" * 32]
    for age, name in ((0, "b" * 32), (7 * 86_400 + 1, "c" * 32), (7 * 86_400 + 1, "a" * 32)):
        store.files.folder(name).mkdir(exist_ok=True)
        os.utime(store.files.folder(name), (time.time() - age,) * 2)
    store.upkeep.remove_orphans()
    assert sorted(path.name[0] for path in store.files.folder("x").parent.iterdir()) == ["a", "b"]
    assert store.delete("a" * 32)
    assert not store.files.folder("a" * 32).exists()
    with pytest.raises(JobNotFound):
        store.find("a" * 32)


def test_a_job_whose_files_cannot_be_removed_is_not_deleted(with_redis: Installation) -> None:
    """A page must not say that the files are deleted when they are still on the disk."""
    store = with_redis.store
    job, other = (with_redis.submit("nap") for _ in range(2))
    for one in (job, other):
        store.cancel(one)
        with_redis.redis.zincrby("jobs:ended", -with_redis.settings.retention - 1, one)
    store.files.remove(job)
    with small_disk(store.files.folder(job), "1m"):
        with pytest.raises(NoAnswer):
            store.delete(job)
        Cleaner(with_redis.jobs).clean()
        assert store.find(job).phase == "cancelled"
        assert not store.files.folder(other).exists()
    assert store.delete(job)


def test_a_job_is_not_deleted_while_its_disk_is_not_mounted(with_redis: Installation) -> None:
    """Its files would come back with the disk, and no record would name them."""
    jobs, store = with_redis.jobs, with_redis.store
    assert not jobs.fitness.problem()
    job = with_redis.submit("nap")
    store.cancel(job)
    with_redis.redis.zincrby("jobs:ended", -with_redis.settings.retention - 1, job)
    mounted = store.files.root.rename(with_redis.settings.data_dir / "mounted")
    with pytest.raises(NoAnswer):
        jobs.delete(job)
    Cleaner(jobs).clean()
    store.files.root.mkdir()  # the folder on which it was mounted
    with pytest.raises(NoAnswer):
        jobs.delete(job)
    Cleaner(jobs).clean()
    assert store.find(job).phase == "cancelled"
    mounted.rename(store.files.root)
    assert jobs.delete(job)
    assert not store.files.folder(job).exists()


def test_records_that_were_deleted_by_hand_do_not_keep_others_from_expiring(store: Store) -> None:
    """However many they are."""
    create(store, "a" * 32)
    store.cancel("a" * 32)
    store.redis.zincrby("jobs:ended", -7 * 86_400 - 1, "a" * 32)
    store.redis.zadd("jobs:ended", {f"{number:032x}": number for number in range(250)})
    assert store.upkeep.expired_jobs() == []
    assert [store.upkeep.expired_jobs() for _ in range(3)][-1] == ["a" * 32]


def shift_stamps(store: Store, seconds: int) -> None:
    """Let the clock jump forward by these seconds, or back."""
    for name, stamp in store.redis.hgetall("clock").items():
        store.redis.hset("clock", name, float(stamp) - seconds)
    ended: Any = store.redis.zrange("jobs:ended", 0, -1)
    for job_id in ended:
        store.redis.zincrby("jobs:ended", -seconds, job_id)


def test_jobs_that_end_while_the_clock_is_set_back_are_kept_from_its_correction_on(store: Store) -> None:
    """Those that ended before expire when they are due, and so do all after an outage that is no correction."""
    day, week = 86_400, 7 * 86_400

    def end(job_id: str) -> None:
        create(store, job_id)
        store.cancel(job_id)
        store.upkeep.expired_jobs()

    def expired_after(seconds: int) -> list[str]:
        shift_stamps(store, seconds)
        store.upkeep.expired_jobs()
        store.redis.hset("clock", "trusted_from", 0)  # an hour later
        return sorted(store.upkeep.expired_jobs() or [])

    end("a" * 32)
    shift_stamps(store, -4 * day)
    store.upkeep.expired_jobs()
    shift_stamps(store, -5 * day)
    end("b" * 32)
    assert expired_after(9 * day) == []
    assert expired_after(week - day) == []
    end("c" * 32)
    assert expired_after(day) == ["a" * 32, "b" * 32]
    assert expired_after(week - day) == ["a" * 32, "b" * 32, "c" * 32]


def test_a_stale_job_is_cancelled_at_once(with_redis: Installation) -> None:
    """A job with heartbeats is only asked to end."""
    store = with_redis.store
    for job_id, silence in (("a" * 32, 0), ("b" * 32, with_redis.settings.silence_limit + 1)):
        create(store, job_id)
        store.runs.claim(job_id, Runner("worker", 1), {})
        store.redis.zincrby("jobs:running", -silence, job_id)
        assert store.cancel(job_id) == ("cancelled" if silence else "requested")
    assert (store.find("a" * 32).cancel_requested, store.find("b" * 32).phase) == (True, "cancelled")
    assert not store.runs.update("b" * 32, Runner("worker"), "SUCCESS", {"result": '"late"'})


def test_a_heartbeat_keeps_a_stale_job_from_being_requeued(with_redis: Installation) -> None:
    """This applies even if a sweep still has the job on its list."""
    store, silence = with_redis.store, with_redis.settings.silence_limit
    create(store, "a" * 32)
    store.runs.claim("a" * 32, Runner("worker", 1), {})
    store.redis.zincrby("jobs:running", -silence - 1, "a" * 32)
    assert store.upkeep.stale_jobs() == [("a" * 32, "worker")]
    store.runs.heartbeat("a" * 32, Runner("worker", 1))
    assert store.runs.requeue("a" * 32, Runner("worker"), stale=True, counted=True) is None
    store.redis.zincrby("jobs:running", -silence - 1, "a" * 32)
    assert store.runs.requeue("a" * 32, Runner("worker"), stale=True, counted=True) == "PENDING"
    store.runs.claim("a" * 32, Runner("worker", 2), {})  # two sweeps had the same list
    assert store.runs.requeue("a" * 32, Runner("worker"), stale=True, counted=True) is None
    assert (store.find("a" * 32).phase, store.find("a" * 32).attempts) == ("running", 2)


def test_an_attempt_starts_without_files_of_the_last_one(store: Store) -> None:
    """Otherwise half a table could be offered as a result."""
    create(store, "a" * 32)
    first = claim(store, "a" * 32, Runner("worker", 1)).folder
    (first / "outputs").mkdir(parents=True)
    (first / "outputs" / "half.tsv").write_text("half")
    store.runs.requeue("a" * 32, Runner("worker"), stale=False, counted=False)
    second = claim(store, "a" * 32, Runner("other", 2)).folder
    assert second != first
    assert store.files.outputs("a" * 32, store.find("a" * 32).attempt) == []


def test_an_attempt_has_no_files_of_another_after_redis_was_restored(store: Store) -> None:
    """An older backup of Redis gives a number to an attempt for the second time."""
    create(store, "a" * 32)
    backup: Any = {key: store.redis.dump(key) for key in store.redis.scan_iter()}
    first = claim(store, "a" * 32, Runner("worker", 1)).folder
    (first / "outputs").mkdir(parents=True)
    (first / "outputs" / "half.tsv").write_text("half")
    store.redis.flushall()
    for key, value in backup.items():
        store.redis.restore(key, 0, value)
    assert claim(store, "a" * 32, Runner("other", 2)).folder == first
    assert store.files.outputs("a" * 32, store.find("a" * 32).attempt) == []


def test_a_retry_has_the_input_that_was_submitted(store: Store) -> None:
    """The first attempt was killed while it changed its input in place, and had written an index beside it."""
    job_id, first, second = upload(store, "a" * 32, 10), Runner("worker", 1), Runner("worker", 2)
    (path,) = store.files.inputs(job_id).values()
    changed = claim(store, job_id, first).params["query"]
    changed.write_text("half")
    changed.with_name("query.index").touch()
    assert store.runs.requeue(job_id, first, stale=False, counted=True) == "PENDING"
    given = claim(store, job_id, second).params
    assert not changed.exists()
    assert given["query"].read_bytes() == path.read_bytes() == bytes(10)
    assert [one.name for one in given["query"].parent.iterdir()] == ["query"]
    assert store.runs.requeue(job_id, second, stale=False, counted=True, result="{}") == "FAILURE"
    assert not given["query"].exists()
    assert kept_bytes(store) == [FOLDERS + BLOCK] * 2


def test_a_retry_without_all_of_its_input_fails(store: Store, tmp_path: Path) -> None:
    """The lost attempt has removed one of several files: a result of the others would be wrong."""
    (tmp_path / "part.vcf").write_text("#CHROM")
    job_id, runner = "a" * 32, Runner("worker", 1)
    store.create(job_id, "merge", {"variants": [tmp_path / "part.vcf"] * 2}, Submission())
    assert len(claim(store, job_id, runner).params["variants"]) == 2
    store.files.folder(job_id, "inputs", "variants", "0000").unlink()
    store.runs.requeue(job_id, runner, stale=False, counted=True)
    with pytest.raises(ToolError, match="no longer there"):
        claim(store, job_id, runner)


def test_a_job_of_a_version_without_checksums_has_its_input(store: Store) -> None:
    """As for any other job, its form can be filled again, and it can run."""
    job_id = upload(store, "a" * 32, 10)
    store.redis.hdel(f"job:{job_id}", "checksums")
    assert store.params(job_id)["query"].stat().st_size == 10
    assert claim(store, job_id, Runner("worker", 1)).params["query"].stat().st_size == 10


@pytest.mark.parametrize(("end", "kept"), [("killed", 4096), ("cancelled", 0), ("unknown", 4096)])
def test_an_ended_job_keeps_no_copies(store: Store, end: str, kept: int) -> None:
    """Its process was killed, so it could not remove them. A job that is cancelled while it waits keeps no input."""
    job_id, runner = upload(store, "a" * 32, 10), Runner("worker", 1)
    copy = claim(store, job_id, runner).params["query"]
    if end == "killed":
        store.runs.update(job_id, Runner("worker"), "FAILURE", {"result": "{}"})
    else:
        store.runs.requeue(job_id, runner, stale=False, counted=True)
        assert copy.exists()
        signature = store.fields(job_id, "signature")["signature"]
        store.redis.hset("jobs:unknown", signature, 10_000)  # seconds
        store.cancel(job_id) if end == "cancelled" else store.runs.resend_unknown(job_id, "{}", [])
    assert store.find(job_id).phase in ("failed", "cancelled")
    assert not copy.parent.exists()
    assert kept_bytes(store) == [FOLDERS + kept] * 2


BLOCK = 4096  # what a file or folder counts at least
FOLDERS = 2 * BLOCK  # of a job that has not started


def kept_bytes(store: Store) -> list[int]:
    """Return the counted bytes: of all jobs first, then of each client."""
    counted = {name: int(number) for name, number in store.redis.hgetall("bytes").items()}
    return [counted.pop(b"all", 0), *sorted(counted.values())]


def upload(store: Store, job_id: str, size: int, client: str = "192.0.2.1", token: str = "") -> str:
    """Create a job with one file."""
    file = Path(store.files.root.parent, f"query-{size}")
    if not file.exists():
        file.write_bytes(bytes(size))
    return store.create(job_id, "phmmer", {"query": file}, Submission(client=client, token=token))


def test_bytes_are_limited_for_one_client_and_in_total(with_redis: Installation) -> None:
    """A refused job leaves nothing. Inputs and outputs count until the job is deleted."""
    client_bytes, total_bytes = FOLDERS + 10_000, 2 * FOLDERS + 15_000
    site = with_redis.settings
    settings = dataclasses.replace(site, max_client_bytes=client_bytes, max_total_bytes=total_bytes)
    store = Store(settings)
    upload(store, "a" * 32, 9000)
    with pytest.raises(TooManyBytes):
        upload(store, "b" * 32, 1)
    upload(store, "c" * 32, 6000, "192.0.2.2")
    with pytest.raises(StorageFull):
        upload(store, "d" * 32, 1, "192.0.2.3")
    assert {path.name for path in (settings.data_dir / "jobs").iterdir()} == {"a" * 32, "c" * 32}
    first, second = FOLDERS + 9000, FOLDERS + 6000
    assert kept_bytes(store) == [first + second, second, first]
    attempt = claim(store, "a" * 32, Runner("w", 1)).folder
    (attempt / "outputs").mkdir(parents=True)
    (attempt / "outputs" / "hits.tbl").write_bytes(bytes(5000))
    first += 2 * BLOCK + 5000
    for _ in range(2):  # the second time as if the first reply had been lost
        store.runs.update("a" * 32, Runner("w", 1), "SUCCESS", {"result": "{}"})
        assert kept_bytes(store) == [first + second, second, first]
    assert store.delete("a" * 32)
    assert kept_bytes(store) == [second, second]
    assert upload(store, "d" * 32, 9000) == "d" * 32


def test_a_submission_that_is_refused_copies_no_files(with_redis: Installation) -> None:
    """Otherwise, a visitor without room left could have gigabytes written again and again."""
    settings = dataclasses.replace(with_redis.settings, max_client_bytes=FOLDERS + 10_000, max_waiting=2)
    store = Store(settings)
    upload(store, "a" * 32, 5000, token="form")
    Path(store.files.root.parent, "query-6000").write_bytes(bytes(6000))
    with largest_file(4000):
        assert upload(store, "b" * 32, 5000, token="form") == "a" * 32
        with pytest.raises(TooManyBytes):
            upload(store, "c" * 32, 6000)
        create(store, "d" * 32)
        with pytest.raises(QueueFull):
            upload(store, "e" * 32, 5000, "192.0.2.2")


def test_long_texts_and_results_count_like_files(store: Store) -> None:
    """Redis has them in memory. Those of most jobs are shorter than the block that is not counted."""
    text, result = "x" * 100_000, dumps({"answer": "y" * 50_000})
    store.create("a" * 32, "expensive_greet", {"person": text, "total": 1}, Submission(client="192.0.2.1"))
    params = dumps({"person": text, "total": 1})
    empty = len("{}{}")  # checksums and names of files
    assert kept_bytes(store) == [FOLDERS + len(params) + empty - BLOCK] * 2
    claim(store, "a" * 32, Runner("w", 1))
    for _ in range(2):  # the second time as if the first reply had been lost
        store.runs.update("a" * 32, Runner("w", 1), "SUCCESS", {"result": result})
        assert kept_bytes(store) == [FOLDERS + len(params) + empty + len(result) - BLOCK] * 2
    create(store, "b" * 32, client="192.0.2.1")
    assert kept_bytes(store) == [2 * FOLDERS + len(params) + empty + len(result) - BLOCK] * 2
    with_less = Store(dataclasses.replace(store._settings, max_client_bytes=FOLDERS + 200_000))
    with pytest.raises(TooManyBytes):
        with_less.create("c" * 32, "expensive_greet", {"person": text, "total": 1}, Submission(client="192.0.2.1"))
    assert store.delete("a" * 32)
    assert kept_bytes(store) == [FOLDERS] * 2


def test_a_job_cancelled_before_its_start_keeps_no_files(store: Store) -> None:
    """Its bytes are free at once, and its record stays. A job that had started keeps its input."""
    for job_id in ("a" * 32, "b" * 32):
        upload(store, job_id, 5000)
    store.runs.claim("a" * 32, Runner("w", 1), {})
    store.cancel("b" * 32)
    assert store.params("b" * 32) == {}
    assert store.find("b" * 32).phase == "cancelled"
    assert kept_bytes(store) == [2 * FOLDERS + 5000] * 2
    store.cancel("a" * 32)
    store.runs.update("a" * 32, Runner("w", 1), "REVOKED", {})
    assert set(store.params("a" * 32)) == {"query"}
    assert store.delete("b" * 32)
    assert store.delete("a" * 32)
    assert kept_bytes(store) == [0]


def test_a_cancel_whose_reply_was_lost_removes_the_files_too(store: Store) -> None:
    """The repeated call does so. It leaves the files of jobs that ended otherwise."""
    for job_id in ("a" * 32, "b" * 32):
        upload(store, job_id, 5000)
    store._scripts.run("cancel", "a" * 32, 60)
    store.redis.hset("job:" + "b" * 32, "state", "FAILURE")  # as when no worker has its tool
    assert store.cancel("a" * 32) == "cancelled"
    assert store.cancel("b" * 32) == "ended"
    assert store.params("a" * 32) == {}
    assert kept_bytes(store) == [2 * FOLDERS + 5000] * 2
    assert set(store.params("b" * 32)) == {"query"}


def test_the_address_of_a_client_is_not_kept_after_the_end(store: Store) -> None:
    """The record of an ended job has a hash instead, with a key of this installation."""
    upload(store, "a" * 32, 100)
    store.cancel("a" * 32)
    kept = {key: store.redis.dump(key) for key in store.redis.scan_iter()}
    assert not [key for key, value in kept.items() if b"192.0.2.1" in key + value]
    owner = store.redis.hget("job:" + "a" * 32, "owner")
    store.redis.delete("client_key")
    upload(store, "b" * 32, 100)
    assert store.redis.hget("job:" + "b" * 32, "owner") != owner


def test_a_job_with_several_messages_does_not_fail_sooner(store: Store) -> None:
    """However often a worker without its tool gets them, it counts the seconds without a worker that has the tool."""
    create(store, "a" * 32)
    start = store.redis.time()[0]
    for _ in range(100):
        store.runs.resend_unknown("a" * 32, "{}", [])
    counted = int(store.redis.hget("jobs:unknown", store.fields("a" * 32, "signature")["signature"]) or 0)
    assert 1 <= counted <= store.redis.time()[0] - start + 2


def test_the_number_of_starts_of_a_job_is_limited(store: Store) -> None:
    """It may stop its worker each time, or run longer than any worker on its cluster."""
    create(store, "a" * 32)
    starts = 0
    while store.find("a" * 32).phase == "waiting" and starts < 1000:
        claim(store, "a" * 32, Runner("worker", 1))
        store.runs.requeue("a" * 32, Runner("worker"), stale=False, counted=False, result='{"user_message": "lost"}')
        starts += 1
    record = store.find("a" * 32)
    assert (record.phase, record.user_message, starts) == ("failed", "lost", MAX_STARTS)


def test_a_job_waits_for_a_worker_that_has_its_tool_but_takes_no_jobs(store: Store) -> None:
    """It may have lost its folder for a while, while a worker without the tool gets the messages."""
    create(store, "a" * 32)
    signature = store.fields("a" * 32, "signature")["signature"]
    store.redis.hset("jobs:unknown", signature, 10_000)  # seconds
    store.upkeep.worker_heartbeat("other", ["celery"], [], [])
    store.upkeep.worker_heartbeat("owner", ["celery"], [signature], [])
    assert (store.find("a" * 32).workers, store.statistics().idle_tools) == (2, [])
    store.redis.zincrby("workers:tools", -60, signature)
    store.redis.delete("tools")
    store.upkeep.worker_heartbeat("owner", [], [signature], [], "DATA_DIR is missing.")
    assert store.runs.resend_unknown("a" * 32, "{}", []) == (False, "celery")
    assert (store.find("a" * 32).workers, store.statistics().idle_tools) == (0, [signature])
    store.upkeep.worker_heartbeat("owner", ["celery"], [signature], [])
    assert (store.find("a" * 32).workers, store.statistics().idle_tools) == (2, [])
