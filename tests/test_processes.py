"""No process of a job survives the job, however the job, its guard or its worker ends."""

import os
import signal
from collections.abc import Iterator
from contextlib import closing
from itertools import count

import psutil
import pytest

from tests.conftest import PATIENCE, Installation, wait_for
from tests.test_recovery import let_be_stale, process_of

pytestmark = pytest.mark.slow
lengths = count(10_000 + os.getpid() % 10_000 * 100)  # of the sleep of each test, which identifies its programs


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Redis and a worker; the test that kills the worker starts it again."""
    with closing(Installation(tmp_path_factory.mktemp("site"), time_limit_grace=PATIENCE)) as mine:
        mine.start("redis", "worker")
        yield mine


def programs(length: str) -> list[psutil.Process]:
    """Return the processes of this machine with that argument, wherever they are in the tree of processes."""
    found = [one for one in psutil.process_iter(["cmdline", "status"]) if length in (one.info["cmdline"] or [])]
    return [one for one in found if one.info["status"] != psutil.STATUS_ZOMBIE]


def are_gone(processes: list[psutil.Process]) -> bool:
    """Wait until none of the processes is running."""
    _, alive = psutil.wait_procs(processes, PATIENCE)
    return not [one for one in alive if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


def guards_of(process: psutil.Process) -> list[psutil.Process]:
    """Return the process guards of a job."""
    running = [one for one in process.children() if one.status() != psutil.STATUS_ZOMBIE]
    return [one for one in running if any("process_guard" in word for word in one.cmdline())]


HARMS = {
    "the guard": [("guard", signal.SIGKILL)],
    "the process of the job": [("process", signal.SIGKILL)],
    "the main process": [("worker", signal.SIGKILL)],
    "the guard and the process": [("guard", signal.SIGKILL), ("process", signal.SIGKILL)],
    "the process and the guard": [("process", signal.SIGKILL), ("guard", signal.SIGKILL)],
    "the process, with a suspended guard": [("guard", signal.SIGSTOP), ("process", signal.SIGKILL)],
}


@pytest.mark.parametrize(
    ("tool", "killed"),
    [
        *(("daemonize", killed) for killed in HARMS),
        ("abandon", "the process of the job"),
        ("parallelize_for_long", "the process of the job"),
    ],
)
def test_a_daemon_dies_with_any_process_that_is_killed(site: Installation, tool: str, killed: str) -> None:
    """The daemon has its own session, no environment and no open files, and ignores signals."""
    length = str(next(lengths))
    job = site.submit(tool, length=length, wait=True)
    found = wait_for(lambda: len(found := programs(length)) >= 3 and found)
    process = psutil.Process(process_of(site, job))
    pids = {"process": process.pid, "worker": site.pid("worker")}
    if guards := guards_of(process):
        pids["guard"] = guards[0].pid
    site.redis.hset(f"job:{job}", "attempts", 2)  # so that it does not run again
    for name, number in HARMS[killed]:
        site.signal("worker", number) if name == "worker" else os.kill(pids[name], number)
    assert are_gone([*found, *guards])
    if killed == "the main process":
        let_be_stale(site, job)
        site.start("worker")
    assert site.ended(job).phase == "failed"
    assert programs(length) == []


@pytest.mark.parametrize("sweeper", ["the next worker", "another worker"])
def test_a_daemon_dies_although_everything_that_would_end_it_was_killed(site: Installation, sweeper: str) -> None:
    """The guard, the process of the job and the main process are killed at once. The daemon goes on until the sweep."""
    length = str(next(lengths))
    job = site.submit("daemonize", length=length, wait=True)
    wait_for(lambda: len(programs(length)) >= 3)
    process = psutil.Process(process_of(site, job))
    main, guards = site.pid("worker"), guards_of(process)
    if sweeper == "another worker":
        site.start("worker-2")
    for pid in (*(guard.pid for guard in guards), process.pid, main):
        os.kill(pid, signal.SIGKILL)
    assert programs(length)
    site.signal("worker", signal.SIGKILL)  # until it has ended
    site.jobs.cancel(job)
    if sweeper == "the next worker":
        site.start("worker")
    wait_for(lambda: programs(length) == [])
    if sweeper == "another worker":
        site.stop("worker-2")
        site.start("worker")


@pytest.mark.parametrize("tool", ["daemonize", "abandon", "multithread"])
def test_a_finished_job_leaves_no_process(site: Installation, tool: str) -> None:
    """There is no daemon, no zombie, and no program of a thread that goes on. The next job runs as usual."""
    length = str(next(lengths))
    assert site.ended(site.submit(tool, length=length, wait=False)).phase == "finished"
    assert programs(length) == []
    assert site.ended(site.submit("outsource", seconds=0.1)).phase == "finished"
    assert programs(length) == []
    family = psutil.Process(site.pid("worker")).children(recursive=True)
    assert len(family) == site.settings.worker_concurrency, family


@pytest.mark.parametrize("way", ["return", "raise"])
def test_a_fork_cannot_end_its_job(site: Installation, way: str) -> None:
    """As when a program cannot be executed in it. It does not take the next job either."""
    jobs = [site.submit("fork", method=way) for _ in range(4)]
    for job in jobs:
        record = site.ended(job)
        assert (record.phase, record.attempts, record.result) == ("finished", 1, {"process": "parent"})


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_tool_may_use_multiprocessing(site: Installation, method: str) -> None:
    """It works again in the same process, although the helpers of multiprocessing are ended with the first job."""
    for _ in range(3):
        assert site.ended(site.submit("multiprocess", method=method)).result == {"sum": 45}


@pytest.mark.parametrize("way", ["cancel", "soft limit"])
def test_the_programs_of_a_pool_end_when_the_job_has_to_stop(site: Installation, way: str) -> None:
    """The pool would wait for them until the process is killed. Instead, the tool returns what it has."""
    length = str(next(lengths))
    job = site.submit("parallelize" if way == "soft limit" else "parallelize_for_long", length=length, wait=True)
    wait_for(lambda: len(programs(length)) >= 2 or not site.store.find(job).active)
    if way == "cancel":
        site.store.cancel(job)
    record = site.ended(job)
    assert (record.phase, record.partial) == ("cancelled" if way == "cancel" else "stopped", True)
    assert programs(length) == []
    assert [path.name for path in site.store.files.outputs(job, record.attempt)] == ["end.txt"]


@pytest.mark.parametrize("tool", ["daemonize", "multithread"])
@pytest.mark.parametrize("way", ["cancel", "stop"])
def test_a_suspended_guard_keeps_no_program_alive(site: Installation, tool: str, way: str) -> None:
    """It is killed when its job is cancelled, and when its worker is stopped."""
    length = str(next(lengths))
    job = site.submit(tool, length=length, wait=True)
    found = wait_for(lambda: len(found := programs(length)) >= 3 and found)
    guards = guards_of(psutil.Process(process_of(site, job)))
    for guard in guards:
        guard.suspend()
    if way == "cancel":
        site.store.cancel(job)
        site.ended(job)
        assert programs(length) == []
    else:
        site.stop("worker")
    assert are_gone([*found, *guards])
    if way == "stop":
        assert (site.store.find(job).phase, site.store.find(job).attempts) == ("waiting", 0)
        site.jobs.cancel(job)
        site.start("worker")
