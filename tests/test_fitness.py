"""Processes that cannot run jobs: a wrong, missing or read-only folder, another user, a process that a job spoiled."""

import dataclasses
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile

import psutil
import pytest

from greeter import create_app
from greeter.jobs import installation
from greeter.jobs.failures import CHANGED_PROCESS, TOO_MANY_FILES
from greeter.jobs.files.bounds import MAX_FILES
from greeter.jobs.installation import MARKER
from greeter.jobs.recovery.sweeper import Sweeper
from greeter.jobs.worker import fitness
from tests.conftest import PROCFILE, ROOT, Installation, compiled_library, skip, small_disk, wait_for
from tests.http import fetch, post
from tests.test_recovery import diary, process_of, running

BIN = Path(sys.executable).parent
COMMANDS = {name: PROCFILE[name].split()[1:] for name in ("web", "worker")}


CHECK = """
from greeter.jobs.worker import fitness

from greeter.settings_loader import load_settings
fitness.check(load_settings())
"""
AS_NOBODY = """
import os
from greeter.jobs.worker import fitness
from greeter.settings_loader import load_settings

settings = load_settings()
fitness.check(settings)  # as root; this loads modules that the other user may not be able to read
os.setgid(65534)
os.setuid(65534)
fitness.check(settings)
"""


def refusal(site: Installation, command: list[str], **environ: str) -> str:
    """Start a process that must refuse to start, and return its message.

    It is started again if Redis stalled for a second, because it need not refuse to start without Redis.
    """
    # Coverage is off, because it complains where it cannot write.
    more = {"PATH": f"{BIN}:{os.environ['PATH']}", "COVERAGE_PROCESS_CONFIG": ""}
    status, message = wait_for(lambda: start_with_redis(command, os.environ | site.environ | more | environ))
    assert status == os.EX_CONFIG, message
    assert "Traceback" not in message
    return message


def start_with_redis(command: list[str], environ: dict[str, str]) -> tuple[int, str] | None:
    """Start a process, and return its status and message when it has ended, or None if it has not reached Redis."""
    with NamedTemporaryFile("r") as errors, Path(errors.name).open("w") as stderr:
        process = subprocess.Popen(command, env=environ, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=stderr)
        try:
            without_redis = "so it could not be compared with DATA_DIR"
            wait_for(lambda: process.poll() is not None or without_redis in Path(errors.name).read_text())
        finally:
            process.kill()
            process.wait()
        message = errors.read()
    return None if without_redis in message else (process.returncode, message)


def needs_root() -> None:
    """Skip a test as another user; in CI, fail."""
    if os.geteuid():
        skip("needs root")


def attempts(site: Installation, jobs: list[str]) -> set[tuple[str, int]]:
    """Wait for the end of jobs and return their phases and attempts."""
    records = [site.ended(job) for job in jobs]
    return {(record.phase, record.attempts) for record in records}


def not_ready(site: Installation) -> str:
    """Return why the site is not ready, or an empty string."""
    answer = fetch(site, "/health/ready")
    reason = json.loads(answer.body).get("reason", "")
    assert answer.status == (503 if reason else 200)
    return reason


def metrics(site: Installation) -> str:
    """Return the metrics of an installation."""
    app = create_app(dataclasses.replace(site.settings, metrics_token="token"))
    return app.test_client().get("/metrics", headers={"Authorization": "Bearer token"}).text


@pytest.mark.redis
def test_processes_that_start_at_the_same_time_create_one_installation(with_redis: Installation) -> None:
    """All of them find DATA_DIR and Redis fit, and both have the same id."""
    site = with_redis
    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(lambda _: fitness.problem(site.store), range(20))) == {None}
    assert site.redis.get("installation").decode() == (site.store.files.root / MARKER).read_text()
    assert list(site.store.files.root.iterdir()) == [site.store.files.root / MARKER.parent]


@pytest.mark.redis
def test_an_installation_is_created_on_a_disk_without_hard_links(with_redis: Installation) -> None:
    """Some network and USB disks have none."""
    site = with_redis
    preloaded = compiled_library(site.settings.data_dir, "int link() { return -1; } int linkat() { return -1; }")
    environ = os.environ | site.environ | {"LD_PRELOAD": preloaded}
    subprocess.run([sys.executable, "-c", CHECK], env=environ, cwd=ROOT, check=True)
    assert fitness.problem(site.store) is None


@pytest.mark.redis
def test_a_disk_without_room_for_new_files_counts_as_full(
    own_installation: Installation, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Although it has free bytes."""
    with small_disk(tmp_path_factory.mktemp("mounts") / "few", "100m,nr_inodes=5000") as disk:
        site = Installation(disk, min_free_bytes=0)
        try:
            site.start("redis")
            assert "than 10,000 inodes" in create_app(site.settings).test_client().get("/health/ready").json["reason"]
            with pytest.raises(OSError, match="is free"):
                site.submit("nap")
        finally:
            site.close()


@pytest.mark.redis
def test_an_installation_of_an_earlier_version_is_adopted(with_redis: Installation) -> None:
    """It has jobs, but neither its folder nor its Redis has an id."""
    site = with_redis
    job = site.submit("nap")
    (site.store.files.root / MARKER).unlink()
    site.store.forget_installation()
    assert fitness.problem(site.store) is None
    assert site.redis.exists("installation", f"job:{job}") == 2


@pytest.mark.redis
def test_an_interrupted_creation_is_completed(with_redis: Installation) -> None:
    """A folder without jobs may have an id that Redis lacks."""
    site = with_redis
    assert fitness.problem(site.store) is None
    site.store.forget_installation()
    assert fitness.problem(site.store) is None
    assert site.redis.get("installation").decode() == (site.store.files.root / MARKER).read_text()


@pytest.mark.redis
@pytest.mark.parametrize("content", [b"", b"\xff" * 32])
def test_a_folder_whose_id_is_damaged_is_of_no_installation(with_redis: Installation, content: bytes) -> None:
    """It can be paired again."""
    store = with_redis.store
    assert fitness.problem(store) is None
    (store.files.root / MARKER).write_bytes(content)
    assert "do not belong to the same installation" in str(fitness.problem(store))
    installation.forget(store)
    assert fitness.problem(store) is None


@pytest.mark.slow
@pytest.mark.parametrize("name", ["web", "worker"])
@pytest.mark.parametrize("wrong", ["folder", "redis"])
def test_a_process_with_the_wrong_folder_or_redis_refuses_to_start(
    own_installation: Installation, tmp_path: Path, name: str, wrong: str
) -> None:
    """The message says what to do, and doing it makes the process start."""
    site = own_installation
    site.start("redis")
    site.submit("nap")
    elsewhere = tmp_path / "elsewhere"
    if wrong == "redis":
        site.store.forget_installation()
    environ = {"DATA_DIR": str(elsewhere)} if wrong == "folder" else {}
    assert "do not belong to the same installation" in refusal(site, COMMANDS[name], **environ)
    environ = os.environ | site.environ | environ
    paired = subprocess.run([BIN / "flask", "pair-storage"], env=environ, cwd=ROOT, capture_output=True, check=False)
    assert paired.returncode == 0, paired
    site.more_environ = {name: {"DATA_DIR": environ["DATA_DIR"]}}
    site.start(name)


@pytest.mark.slow
def test_a_process_of_another_user_refuses_to_start(with_redis: Installation) -> None:
    """Either it cannot read the files of the others, or they could not read its files."""
    needs_root()
    site = with_redis
    site.submit("nap")
    assert "owned by the user of this process" in refusal(site, [sys.executable, "-c", AS_NOBODY])
    os.chown(site.store.files.root / MARKER, 65534, 65534)
    for name in ("web", "worker"):
        assert "belong to another user" in refusal(site, COMMANDS[name])


@pytest.mark.redis
def test_nothing_is_removed_from_a_folder_that_is_not_the_right_one(with_redis: Installation) -> None:
    """Neither expired jobs nor folders without a record are removed until the folder and Redis belong together."""
    site = with_redis
    job = site.submit("nap")
    site.store.cancel(job)
    orphan = site.store.files.folder("f" * 32)
    orphan.mkdir()
    os.utime(orphan, (0, 0))
    site.redis.zincrby("jobs:ended", -site.settings.retention - 1, job)
    right = site.redis.getset("installation", "another")
    assert site.jobs.fitness.problem()
    sweeper = Sweeper(site.jobs, "this", ["celery"])
    sweeper.run()
    assert orphan.exists()
    assert site.store.files.folder(job).exists()
    assert site.store.find(job).phase == "cancelled"
    assert 'site_workers{queue="celery"} 0.0' in metrics(site)
    assert "site_workers_unfit 1.0" in metrics(site)
    assert right
    site.redis.set("installation", right)
    assert not site.jobs.fitness.problem()
    sweeper._next_sweep = 0
    sweeper.run()
    wait_for(lambda: not orphan.exists())
    assert not site.store.files.folder(job).exists()
    assert 'site_workers{queue="celery"} 1.0' in metrics(site)
    assert "site_workers_unfit 0.0" in metrics(site)


@contextmanager
def broken(way: str, folder: Path) -> Iterator[None]:
    """Make a folder unusable for one worker, which sees it under this path."""
    if way == "read-only":
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
        yield
        subprocess.run(["mount", "-o", "remount,bind,rw", folder], check=True)
    else:
        target = folder.readlink()
        folder.unlink()
        if way == "empty":
            folder.mkdir()
        yield
        if way == "empty":
            folder.rmdir()
        folder.symlink_to(target)


@contextmanager
def view(way: str, folder: Path, site: Installation) -> Iterator[None]:
    """Show DATA_DIR to the next processes under a path that can be broken."""
    if way == "read-only":
        needs_root()
        folder.mkdir()
        subprocess.run(["mount", "--bind", site.settings.data_dir, folder], check=True)
    else:
        folder.symlink_to(site.settings.data_dir)
    site.more_environ = {"worker": {"DATA_DIR": str(folder)}}
    try:
        yield
    finally:
        site.more_environ = {}
        if way == "read-only":
            subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["gone", "empty", "read-only"])
def test_a_worker_that_loses_its_folder_leaves_its_jobs_to_others(
    own_installation: Installation, tmp_path_factory: pytest.TempPathFactory, way: str
) -> None:
    """The running and the waiting ones. No attempt is counted, and the worker resumes when it has the folder again."""
    site, folder = own_installation, tmp_path_factory.mktemp("view") / "data"
    site.start("redis")
    with view(way, folder, site):
        site.start("worker-2")
        started = [site.submit("write_often", seconds=2.0) for _ in range(2)]
        for job in started:
            running(site, job)
        site.more_environ = {}
        site.start("worker", "web")
        with broken(way, folder):
            jobs = [site.submit("diary", seconds=0.1) for _ in range(20)]
            assert attempts(site, started + jobs) == {("finished", 1)}
            assert set(diary(site).values()) == {1}
            wait_for(lambda: (site.workers(), len(site.store.statistics().unfit)) == (1, 1))
            wait_for(lambda: not_ready(site) == "")
            site.stop("worker")
            site.redis.delete("workers:celery", "workers:long")  # instead of waiting until its last heartbeat is old
            assert "No worker can run the jobs of these queues: celery, long. DATA_DIR" in wait_for(
                lambda: not_ready(site)
            )
            assert site.log.read_text().count("this worker takes no jobs: DATA_DIR") == 1
            waiting = site.submit("diary", seconds=0.1)
        assert attempts(site, [waiting]) == {("finished", 1)}
        wait_for(lambda: not_ready(site) == "")
        wait_for(lambda: "this worker takes jobs again" in site.log.read_text())
        site.stop("worker-2")


@pytest.mark.slow
def test_submissions_are_refused_while_the_folder_is_gone(own_installation: Installation) -> None:
    """The input is kept, and /health/ready has the reason. The jobs that were submitted before run afterwards."""
    site = own_installation
    site.start("redis", "worker", "web")
    job = site.submit("diary", seconds=60.0)
    running(site, job)
    waiting = [site.submit("diary", seconds=0.5) for _ in range(4)]
    folder, aside = site.store.files.root, site.settings.data_dir / "aside"
    folder.rename(aside)
    answer = post(site, "/tools/expensive_greet", person="Ada", total="1")
    assert (answer.status, "cannot store jobs at the moment" in answer.body, "Ada" in answer.body) == (503, True, True)
    assert not_ready(site).startswith("DATA_DIR")
    assert fetch(site, f"/jobs/{job}").status == 200
    site.jobs.cancel(job)
    site.redis.zincrby("jobs:ended", -site.settings.retention - 1, job)
    wait_for(lambda: site.workers() == 0)
    aside.rename(folder)
    assert attempts(site, waiting) == {("finished", 1)}
    wait_for(lambda: not_ready(site) == "")


def limit_descriptors(site: Installation) -> None:
    """Limit the descriptors of the worker and its pool processes, including those that it starts later."""
    worker = psutil.Process(site.pid("worker"))
    for process in (worker, *worker.children()):
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (256, 256))


@pytest.mark.slow
def test_a_process_that_a_job_spoiled_is_replaced(own_installation: Installation) -> None:
    """The next jobs do not fail because of it, and none of them is lost."""
    site = own_installation
    site.start("redis", "worker")
    limit_descriptors(site)
    for what in ("descriptors", "threads", "memory", "working directory", "umask", "limit", "time", "streams"):
        spoilers = [site.submit("spoil", what=what) for _ in range(2)]
        assert attempts(site, spoilers) == {("finished", 1)}, what
        before = {process_of(site, job) for job in spoilers}
        jobs = [site.submit("write_often", seconds=0.1) for _ in range(20)]
        assert attempts(site, jobs) == {("finished", 1)}, what
        assert before.isdisjoint(process_of(site, job) for job in jobs), what


@pytest.mark.slow
def test_a_job_that_uses_all_descriptors_fails_alone(own_installation: Installation) -> None:
    """It is not run again and again, and the next jobs do not fail.

    One that changes a module cannot be noticed before a bug, of its tool or in Celery: then its process is replaced.
    """
    site = own_installation
    site.start("redis", "worker")
    limit_descriptors(site)
    greedy = [site.submit("exhaust") for _ in range(2)]
    assert attempts(site, greedy) == {("failed", 1)}
    assert attempts(site, [site.submit("write_often", seconds=0.1) for _ in range(4)]) == {("finished", 1)}

    site.ended(site.submit("spoil", what="modules"))
    after = [site.submit("write_often", seconds=0.1) for _ in range(10)]
    assert sorted(site.ended(job).phase for job in after) == ["failed"] + 9 * ["finished"]

    site.ended(site.submit("spoil", what="celery"))
    assert attempts(site, [site.submit("write_often", seconds=0.1) for _ in range(4)]) == {("finished", 1)}


@pytest.mark.slow
def test_a_job_that_changes_its_user_fails(installation: Installation) -> None:
    """As root it can, and no other machine would help. The next job has a process that is still root's."""
    needs_root()
    jobs = [installation.submit("spoil", what="user"), installation.submit("write_often", seconds=0.1)]
    assert [installation.ended(job).phase for job in jobs] == ["failed", "finished"]
    spoiler = installation.store.find(jobs[0])
    assert (spoiler.attempts, spoiler.user_message) == (2, CHANGED_PROCESS)


@pytest.mark.slow
def test_a_job_that_writes_too_many_files_fails(installation: Installation) -> None:
    """With a message for its user."""
    record = installation.ended(installation.submit("litter", files=MAX_FILES))
    assert (record.phase, record.user_message) == ("failed", TOO_MANY_FILES)
    assert installation.ended(installation.submit("litter", files=MAX_FILES - 1)).phase == "finished"


@pytest.mark.slow
def test_a_job_that_writes_deep_folders_fails(installation: Installation) -> None:
    """It can be cancelled, measured and deleted, although Python cannot walk through folders at such a depth."""
    cancelled = installation.submit("burrow", depth=1200, seconds=600)
    wait_for(lambda: installation.store.find(cancelled).state == "PROGRESS")
    installation.jobs.cancel(cancelled)
    assert installation.ended(cancelled).phase == "cancelled"
    failed = installation.submit("burrow", depth=1200, seconds=0)
    assert installation.ended(failed).user_message == TOO_MANY_FILES
    for job in (cancelled, failed):
        assert installation.jobs.delete(job)
        assert not installation.store.files.folder(job).exists()
    installation.store.files.remove_set_aside()  # as the next sweep does; pytest would fail to remove such folders
