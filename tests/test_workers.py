"""Workers that are signalled, hang, have another version, or get malformed messages."""

import os
import signal
import time
from collections import defaultdict
from contextlib import suppress
from functools import partial
from itertools import pairwise
from threading import Thread
from typing import Any

import psutil
import pytest

from greeter.jobs.failures import LOST, TIME_LIMIT_REACHED, TOOL_REMOVED
from greeter.jobs.params import paths_in
from tests.conftest import PATIENCE, Installation, wait_for
from tests.servers import use
from tests.test_recovery import (
    children,
    diary,
    has_attempts,
    let_be_stale,
    let_jobs_end,
    let_jobs_go_on,
    process_of,
    running,
)

pytestmark = [pytest.mark.slow, pytest.mark.unmeasured]


@pytest.fixture
def site(own_installation: Installation) -> Installation:
    """Redis and a worker with two processes, which the test may break."""
    own_installation.start("redis", "worker")
    return own_installation


def start(site: Installation, tool: str, **params: object) -> tuple[str, psutil.Process]:
    """Submit a job, and return its id and the process that runs it, which may have ended since."""
    pool = {process.pid: process for process in children(site)}
    job = site.submit(tool, **params)
    return job, pool[wait_for(lambda: process_of(site, job))]


def submitted_text(site: Installation, job: str) -> str:
    """Return the input of `edit` as it was submitted."""
    (path,) = paths_in(site.store.files.inputs(job)["given"])
    return path.read_text()


def commands(site: Installation) -> int:
    """Return how many commands Redis has run, those in scripts included."""
    return sum(one["calls"] for one in site.redis.info("commandstats").values())


def has_ended(process: psutil.Process) -> bool:
    """Return whether a process has ended, even if its parent has not collected its status."""
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


SIGNALS = (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT, signal.SIGHUP)


def test_a_worker_stops_although_redis_is_gone(site: Installation) -> None:
    """Even if it notices that when it publishes an event of its own, as it does every two seconds."""
    site.signal("worker", signal.SIGSTOP)
    site.signal("redis", signal.SIGKILL)
    time.sleep(3)
    site.signal("worker", signal.SIGCONT)
    time.sleep(1)
    site.signal("worker", signal.SIGTERM)
    wait_for(lambda: not site.is_running("worker"))


@pytest.mark.parametrize("loss", [signal.SIGSTOP, signal.SIGKILL])
def test_a_worker_that_stops_while_redis_is_unavailable_counts_no_attempt(site: Installation, loss: int) -> None:
    """It ends itself, because its main thread could wait for replies for more than a minute. No process is left.

    The sweep of another worker returns its jobs.
    """
    jobs = [site.submit("diary", seconds=100.0) for _ in range(2)]
    for job in jobs:
        running(site, job)
    pool = children(site)
    site.signal("redis", loss)
    site.signal("worker", signal.SIGTERM)
    wait_for(lambda: not site.is_running("worker") and all(map(has_ended, pool)))
    assert site.status("worker") == 0
    site.signal("redis", signal.SIGCONT) if loss == signal.SIGSTOP else site.start("redis")
    let_be_stale(site, *jobs)
    let_jobs_end(site)
    site.start("worker")
    records = [site.ended(job) for job in jobs]
    assert [(record.phase, record.attempts) for record in records] == [("finished", 1)] * 2


@pytest.mark.silence
def test_suspended_processes_are_replaced(site: Installation) -> None:
    """Whether they are idle or run a job, which then restarts, long before its limits."""
    first = site.submit("diary", seconds=100.0)
    running(site, first)
    suspended = children(site)
    for process in suspended:
        process.suspend()
    jobs = [site.submit("diary", seconds=0.1) for _ in range(4)]
    wait_for(lambda: all(has_ended(process) for process in suspended))
    let_jobs_end(site)
    records = [site.ended(job) for job in [first, *jobs]]
    assert [(record.phase, record.attempts) for record in records] == [("finished", 2), *[("finished", 1)] * 4]


def test_a_signal_to_the_process_of_a_job_is_not_a_bug_of_the_tool(installation: Installation) -> None:
    """The job restarts, or continues if the signal is ignored."""
    for number in SIGNALS:
        job = installation.submit("diary", seconds=2.0)
        running(installation, job)
        os.kill(process_of(installation, job), number)
        record = installation.ended(job)
        assert (record.phase, record.result) == ("finished", {"slept": 2.0}), number


def test_a_soft_limit_signal_from_elsewhere_is_ignored(installation: Installation) -> None:
    """The job does not claim that it has reached its time limit."""
    job = installation.submit("diary", seconds=1.0)
    running(installation, job)
    os.kill(process_of(installation, job), signal.SIGUSR1)
    assert installation.ended(job).result == {"slept": 1.0}


def test_a_worker_returns_its_jobs_whichever_signal_stops_it(site: Installation) -> None:
    """It does not wait for their ends, no attempt is counted, and the next worker finishes them."""
    for number in SIGNALS:
        jobs = [site.submit("diary", seconds=100.0) for _ in range(3)]
        for job in jobs[:2]:
            running(site, job)
        site.signal("worker", number)
        psutil.Process(site.pid("worker")).wait(PATIENCE)
        records = [site.store.find(job) for job in jobs]
        assert [(record.phase, record.attempts) for record in records] == [("waiting", 0)] * 3, number
        let_jobs_end(site)
        site.start("worker")
        records = [site.ended(job) for job in jobs]
        assert [(record.phase, record.attempts) for record in records] == [("finished", 1)] * 3
        let_jobs_go_on(site)


def test_a_worker_returns_a_job_that_it_had_just_taken(site: Installation) -> None:
    """It is asked to stop before the process to which it has sent the job can say that it has got it.

    SIGQUIT has the same effect as SIGTERM. Celery would wait in the handler of the signal.
    """
    pool = children(site)
    for process in pool:
        process.suspend()
    job = site.submit("diary", seconds=100.0)
    wait_for(lambda: not site.redis.llen("celery"))
    time.sleep(0.5)  # in which the worker writes the job to the pipe of a process
    site.signal("worker", signal.SIGQUIT)
    wait_for(lambda: "this worker stops" in site.log.read_text())
    time.sleep(0.5)  # in which it returns the jobs that it knows
    for process in pool:
        process.resume()
    assert psutil.Process(site.pid("worker")).wait(PATIENCE) == 0
    record = site.store.find(job)
    assert (record.phase, record.attempts) == ("waiting", 0)


@pytest.mark.parametrize(
    ("tool", "grace", "phase"),
    [("yield_some", PATIENCE, "stopped"), ("cling", 2, "failed"), ("cling_for_long", 2, "cancelled")],
)
def test_limits_hold_while_the_main_process_is_suspended(
    own_installation: Installation, tool: str, grace: int, phase: str
) -> None:
    """The soft limit, the hard limit and a cancel are enforced by the process of the job itself."""
    site = own_installation
    use(site, time_limit_grace=grace)
    site.start("redis", "worker")
    job, process = start(site, tool)
    site.signal("worker", signal.SIGSTOP)
    if phase == "cancelled":
        site.jobs.cancel(job)
    assert site.ended(job).phase == phase
    if phase != "stopped":
        wait_for(lambda: has_ended(process))


def test_the_hard_limit_ends_a_suspended_process(site: Installation) -> None:
    """Its main process kills it, and keeps the job from being restarted."""
    job, process = start(site, "cling")
    with suppress(psutil.NoSuchProcess):  # on a busy machine, it has been killed already
        process.suspend()
    record = site.ended(job)
    assert (record.phase, record.user_message, record.attempts) == ("failed", TIME_LIMIT_REACHED, 1)
    wait_for(lambda: has_ended(process))


def test_a_tool_that_blocks_the_interpreter_ends_although_the_main_process_is_suspended(
    site: Installation,
) -> None:
    """The alarm of the kernel ends its process after the hard limit."""
    _, process = start(site, "hog")
    site.signal("worker", signal.SIGSTOP)
    wait_for(lambda: has_ended(process))


@pytest.mark.silence
def test_a_suspended_main_process_is_killed_by_its_pool(site: Installation) -> None:
    """Another worker runs its jobs."""
    jobs = [site.submit("diary", seconds=3.0) for _ in range(2)]
    running(site, jobs[1])
    worker = psutil.Process(site.pid("worker"))
    site.signal("worker", signal.SIGSTOP)
    site.start("worker-2")
    wait_for(lambda: has_ended(worker))
    assert [site.ended(job).phase for job in jobs] == ["finished"] * 2


@pytest.mark.silence
def test_a_job_that_suspends_its_worker_fails_after_two_attempts(site: Installation) -> None:
    """Each attempt costs a worker, which its supervisor replaces. The next one runs other jobs."""
    job = site.submit("freeze")
    for attempt in (1, 2):
        wait_for(partial(has_attempts, site, job, attempt))
        wait_for(partial(has_ended, psutil.Process(site.pid("worker"))))
        site.start("worker")
    record = site.ended(job)
    assert (record.phase, record.user_message) == ("failed", LOST)
    assert site.ended(site.submit("diary", seconds=0.1)).phase == "finished"


@pytest.mark.silence
def test_a_worker_whose_main_thread_hangs_is_killed_by_its_pool(site: Installation) -> None:
    """Although its other threads run and Redis answers. Another worker runs its jobs."""
    jobs = [site.submit("diary", seconds=3.0) for _ in range(2)]
    running(site, jobs[1])
    worker = psutil.Process(site.pid("worker"))
    site.start("worker-2")
    site.celery.control.broadcast("hang", destination=["worker@test"])
    more = [site.submit("diary", seconds=0.1) for _ in range(2)]
    wait_for(lambda: has_ended(worker), 80)
    assert [site.ended(job).phase for job in jobs + more] == ["finished"] * 4


@pytest.mark.silence
def test_a_worker_survives_an_outage_of_redis_that_is_longer_than_the_silence_limit(site: Installation) -> None:
    """Its main thread has no event loop until it tries to reconnect, which may be seconds after the outage."""
    silence_limit = site.settings.silence_limit
    worker = psutil.Process(site.pid("worker"))
    wait_for(lambda: site.workers() == 1)  # its event loop runs
    site.signal("redis", signal.SIGKILL)
    time.sleep(2 * silence_limit + 1)  # Celery tries after 2, 6, 12 and 20 seconds
    site.start("redis")
    assert site.ended(site.submit("diary", seconds=0.1)).phase == "finished"
    assert not has_ended(worker)


@pytest.mark.silence
def test_a_late_attempt_cannot_change_the_files_of_its_successor(site: Installation) -> None:
    """Each attempt writes to its own folder, and has its own copy of the input."""
    job, edited = site.submit("scribble", seconds=100.0), site.submit("edit", seconds=100.0, given=b"given")
    wait_for(lambda: site.store.find(job).attempt == 1)
    running(site, edited)
    first = process_of(site, job)
    asleep = [*psutil.Process(site.pid("worker")).children(), psutil.Process(site.pid("worker"))]
    for process in asleep:
        process.suspend()
    site.start("worker-2")
    wait_for(lambda: site.store.find(job).attempt == 2)
    second = process_of(site, job)
    wait_for(lambda: site.store.find(edited).attempt == 2)
    running(site, edited)
    for process in asleep:
        process.resume()
    psutil.wait_procs([one for one in asleep if one.pid == first], PATIENCE)
    let_jobs_end(site)
    record = site.ended(job)
    (lines,) = site.store.files.outputs(job, site.store.find(job).attempt)
    assert set(lines.read_text().split()) == {str(second)} != {str(first)}
    assert (record.phase, record.result) == ("finished", {"lines": len(lines.read_text().split())})
    assert site.ended(edited).result == {"given": "given"}
    assert submitted_text(site, edited) == "given"


def test_a_worker_without_a_tool_leaves_its_jobs_to_others(site: Installation) -> None:
    """This happens when workers are updated one after the other. Until then, it runs the jobs behind them.

    It gets the next of them once a second, and not all the time.
    """
    site.start("worker-old")
    site.signal("worker", signal.SIGSTOP)
    jobs = [site.submit("diary", seconds=0.01) for _ in range(100)]
    assert site.ended(site.submit("expensive_greet", person="Ada", total=1)).phase == "finished"
    before, began = commands(site), time.monotonic()
    time.sleep(2)
    assert commands(site) - before < 1000 * (time.monotonic() - began + 1)
    site.signal("worker", signal.SIGCONT)
    assert [site.ended(job).phase for job in jobs] == ["finished"] * 100
    assert {diary(site)[job, "start"] for job in jobs} == {1}


def test_flower_shows_a_job_that_a_worker_left_to_others_as_active(site: Installation) -> None:
    """Celery's events say that it failed and is retried, so the state that Flower makes of them goes on changing."""
    site.start("worker-old")
    state = site.celery.events.State()
    shown: dict[str, list[str]] = defaultdict(list)

    def show(event: dict[str, Any]) -> None:
        state.event(event)
        if task := state.tasks.get(event.get("uuid")):
            shown[task.uuid].append(task.state)

    with site.celery.connection_for_read() as connection:
        receiver = site.celery.events.Receiver(connection, handlers={"*": show})
        thread = Thread(target=receiver.capture, kwargs={"wakeup": False})
        thread.start()
        wait_for(lambda: state.event_count)  # heartbeats: it has subscribed
        site.signal("worker", signal.SIGSTOP)
        jobs = [site.submit("diary", seconds=0.1) for _ in range(10)]
        wait_for(lambda: any("FAILURE" in states for states in list(shown.values())))
        site.signal("worker", signal.SIGCONT)
        assert [site.ended(job).phase for job in jobs] == ["finished"] * 10
        wait_for(lambda: all(shown[job][-1:] == ["SUCCESS"] for job in jobs))
        receiver.should_stop = True
        thread.join()
    left = [states for states in shown.values() if "FAILURE" in states]
    assert left
    for states in left:
        assert {after for before, after in pairwise(states) if before == "FAILURE"} == {"RETRY"}
        assert states[-1] == "SUCCESS"


@pytest.mark.silence
def test_a_job_fails_when_no_worker_has_its_tool(own_installation: Installation) -> None:
    """It fails after SILENCE_LIMIT, with a message for the user."""
    own_installation.start("redis", "worker-old")
    record = own_installation.ended(own_installation.submit("diary", seconds=0.1))
    assert (record.phase, record.user_message) == ("failed", TOOL_REMOVED)
    assert record.elapsed >= own_installation.settings.silence_limit


BROADCAST = b'{"properties": []}'
MALFORMED = [
    *b'|not JSON|[]|7|null|{}|{"body": "x", "properties": {}}'.split(b"|"),
    BROADCAST,
    b"\xff\xfe",
    b"[" * 100_000,
]


def test_a_malformed_message_does_not_stop_the_worker(installation: Installation) -> None:
    """It is dropped, and the next job runs. A message cannot change the limits of its tool."""
    worker = psutil.Process(installation.pid("worker"))
    for message in MALFORMED:
        installation.redis.rpush("celery", message)
        assert installation.ended(installation.submit("diary", seconds=0.1)).phase == "finished", message
    installation.redis.publish("/0.celery.pidbox", BROADCAST)
    installation.celery.send_task("diary", task_id="e" * 32, headers={"timelimit": ["x", "y"]})
    assert installation.ended(installation.submit("diary", seconds=0.1)).phase == "finished"
    assert not has_ended(worker)


@pytest.mark.parametrize("name", ["Ignore", "Retry", "Reject", "WorkerLostError", "NotRegistered", "TimeLimitExceeded"])
def test_a_tool_that_raises_an_exception_of_celery_runs_once(installation: Installation, name: str) -> None:
    """It fails like any tool with a bug."""
    record = installation.ended(installation.submit("impersonate", words=name))
    assert (record.phase, record.attempts) == ("failed", 1)


def test_a_forged_task_is_not_logged_under_another_job(installation: Installation) -> None:
    """The log has its own id, not that of the job that the same process ran before."""
    job = installation.submit("stumble")
    installation.ended(job)
    forged = "f" * 32
    installation.celery.send_task("diary", args=[1, 2, 3], task_id=forged)
    wait_for(lambda: f"bug in the tool diary job={forged[:8]}\nTraceback" in installation.log.read_text())


def test_a_drained_worker_does_not_count_as_ready(site: Installation) -> None:
    """It finishes the jobs that it has, but takes no new ones."""
    wait_for(lambda: site.workers() == 1)
    job = site.submit("diary", seconds=4.0)
    running(site, job)
    site.celery.control.cancel_consumer("celery")
    waiting = site.submit("diary", seconds=0.1)
    wait_for(lambda: site.workers() == 0)
    assert site.store.find(waiting).workers == 0
    assert site.ended(job).phase == "finished"
    assert site.store.find(waiting).phase == "waiting"
    site.celery.control.add_consumer("celery")
    assert site.ended(waiting).phase == "finished"
