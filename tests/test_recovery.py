"""Recovery from every kind of failure, with a real Redis, worker and web. tests/README.md lists the failures."""

import os
import shutil
import signal
import time
from collections import Counter
from contextlib import suppress
from functools import partial

import psutil
import pytest

from greeter import tools
from greeter.jobs.errors import UNAVAILABLE
from greeter.jobs.failures import DISK_FULL, INPUT_REMOVED, TOO_MANY_BYTES
from greeter.jobs.record import Record
from greeter.jobs.records import redis_check
from greeter.jobs.runner import Runner
from greeter.jobs.submission import Submission
from tests.conftest import PATIENCE, Installation, largest_file, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.unmeasured]


@pytest.fixture
def site(own_installation: Installation) -> Installation:
    """Redis and a worker with two processes, which the test may break."""
    own_installation.start("redis", "worker")
    return own_installation


def running(site: Installation, job_id: str, done: int = 1) -> Record:
    """Wait until a job has done some of its units."""

    def has_done() -> Record | None:
        record = site.store.find(job_id)
        return record if record.progress and record.progress["current"] >= done else None

    return wait_for(has_done)


def let_be_stale(site: Installation, *jobs: str) -> None:
    """Let running jobs whose process has ended look as they do after SILENCE_LIMIT."""
    for job in jobs:
        site.redis.zadd("jobs:running", {job: 1}, xx=True)


def let_jobs_end(site: Installation) -> None:
    """Let all jobs of `diary`, `scribble` and `edit` end, which then may be as long as a busy machine needs."""
    (site.settings.data_dir / "enough").touch()


def let_jobs_go_on(site: Installation) -> None:
    """Undo that, for the next jobs."""
    (site.settings.data_dir / "enough").unlink()


def diary(site: Installation) -> Counter[tuple[str, str]]:
    """Return how often each job started and ended."""
    entries = [line.split() for line in (site.settings.data_dir / "diary").read_text().splitlines()]
    return Counter((job, what) for job, what, *_ in entries if what in ("start", "end"))


def children(site: Installation, name: str = "worker") -> list[psutil.Process]:
    """Return the processes of a worker that run jobs."""
    return psutil.Process(site.pid(name)).children()


def has_attempts(site: Installation, job_id: str, number: int) -> bool:
    """Return whether a job has been attempted this often."""
    return site.store.find(job_id).attempts == number


def process_of(site: Installation, job_id: str) -> int:
    """Return the id of the process that runs a job."""
    return int(site.redis.hget(f"job:{job_id}", "process") or 0)


def assert_queue_is_empty(site: Installation) -> None:
    """Wait until there is no message and no waiting job."""
    wait_for(lambda: site.redis.llen("celery") == 0 and site.redis.zcard("queue:celery") == 0)


def test_jobs_survive_a_restart_of_redis(site: Installation) -> None:
    """The worker reconnects, and every running or waiting job runs once."""
    jobs = [site.submit("diary", seconds=5.0) for _ in range(3)]
    running(site, jobs[1])
    site.signal("redis", signal.SIGKILL)
    time.sleep(2)
    site.start("redis")
    assert [site.ended(job).phase for job in jobs] == ["finished"] * 3
    assert set(diary(site).values()) == {1}
    assert psutil.pid_exists(site.pid("worker"))
    assert_queue_is_empty(site)
    assert "Error on restarting" not in site.log.read_text()  # a part of the worker would keep its old connections


@pytest.mark.parametrize("tool", ["gorge", "gorge_late"])
def test_a_memory_error_fails_the_job_but_not_the_worker(installation: Installation, tool: str) -> None:
    """The same worker runs the next job."""
    worker = installation.pid("worker")
    assert "out of memory" in str(installation.ended(installation.submit(tool)).user_message)
    assert installation.ended(installation.submit("diary", seconds=0.1)).phase == "finished"
    assert psutil.Process(worker).status() != psutil.STATUS_ZOMBIE


def test_a_tool_has_no_connections_of_its_worker(site: Installation) -> None:
    """It may write to any descriptor: then the worker would take each reply for that to its next command."""
    assert site.ended(site.submit("inherit")).result["shared"] == 0


@pytest.mark.parametrize("tool", ["lament", "ambush", "pretend_loss", "revolve"])
def test_only_a_summary_of_an_error_leaves_the_process_of_a_job(site: Installation, tool: str) -> None:
    """The main process of the worker would need its memory too, or end when it unpickles the error."""
    worker = psutil.Process(site.pid("worker"))
    record = site.ended(site.submit(tool))
    assert (record.phase, record.user_message, record.attempts) == ("failed", None, 1)
    for job in [site.submit("diary", seconds=0.1) for _ in range(6)]:
        assert site.ended(job).phase == "finished"
    assert site.pid("worker") == worker.pid
    assert worker.is_running()
    assert f"bug in the tool {tool}" in site.log.read_text()
    assert site.log.stat().st_size < 200_000


@pytest.mark.parametrize("times", [1, 2])
def test_a_job_restarts_when_its_process_is_killed(site: Installation, times: int) -> None:
    """The second time it fails with a user message."""
    job = site.submit("diary", seconds=100.0)
    for attempt in range(1, times + 1):
        wait_for(partial(has_attempts, site, job, attempt))
        running(site, job)
        os.kill(process_of(site, job), signal.SIGKILL)
    let_jobs_end(site)
    record = site.ended(job)
    assert (record.phase, record.attempts) == ("finished" if times == 1 else "failed", 2)
    assert times == 1 or "lost on every attempt" in str(record.user_message)
    assert diary(site)[job, "end"] == (times == 1)


def test_a_job_whose_input_was_removed_fails_when_it_restarts(site: Installation) -> None:
    """Its user should submit the file again."""
    job = site.submit("edit", seconds=100.0, given=b"given")
    running(site, job)
    shutil.rmtree(site.store.files.folder(job, "inputs"))
    os.kill(process_of(site, job), signal.SIGKILL)
    record = site.ended(job)
    assert (record.phase, record.attempts, record.user_message) == ("failed", 2, INPUT_REMOVED)


def test_the_late_death_of_a_process_does_not_affect_the_next_attempt(site: Installation) -> None:
    """Even if another process of the same worker runs it."""
    job = site.submit("diary", seconds=100.0)
    running(site, job)
    first = process_of(site, job)
    os.kill(first, signal.SIGSTOP)
    worker = site.store.fields(job, "worker")["worker"]
    site.jobs.requeue(job, Runner(worker))  # as the sweep of another worker does
    wait_for(lambda: site.store.find(job).attempts == 2)
    os.kill(first, signal.SIGKILL)
    running(site, job)
    let_jobs_end(site)
    record = site.ended(job)
    assert (record.phase, record.attempts, process_of(site, job) != first) == ("finished", 2, True)
    assert diary(site) == {(job, "start"): 2, (job, "end"): 1}


def test_jobs_restart_when_their_worker_is_killed(site: Installation) -> None:
    """Its processes end with it, and another worker runs its jobs and the waiting ones."""
    jobs = [site.submit("diary", seconds=100.0) for _ in range(3)]
    for job in jobs[:2]:
        running(site, job)
    before = children(site)
    site.signal("worker", signal.SIGKILL)
    psutil.wait_procs(before, PATIENCE)
    assert not [process for process in before if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
    let_be_stale(site, *jobs[:2])
    let_jobs_end(site)
    site.start("worker")
    records = [site.ended(job) for job in jobs]
    assert [record.phase for record in records] == ["finished"] * 3
    assert [record.attempts for record in records] == [2, 2, 1]
    assert_queue_is_empty(site)


@pytest.mark.silence
def test_a_suspended_worker_abandons_a_job_that_another_took_over(site: Installation) -> None:
    """Its process ends when it resumes, and the result of the other worker counts."""
    job = site.submit("diary", seconds=100.0)
    running(site, job)
    first = psutil.Process(process_of(site, job))
    asleep = [*psutil.Process(site.pid("worker")).children(), psutil.Process(site.pid("worker"))]
    for process in asleep:
        process.suspend()
    site.start("worker-2")
    wait_for(lambda: site.store.find(job).attempts == 2)
    for process in asleep:
        process.resume()
    first.wait(PATIENCE)
    let_jobs_end(site)
    assert site.ended(job).result == {"slept": 100.0}
    assert (diary(site)[job, "start"], diary(site)[job, "end"]) == (2, 1)


def test_a_duplicate_message_does_nothing(site: Installation) -> None:
    """It starts no second run, while the job is running or after its end."""
    job = site.submit("diary", seconds=2.0)
    running(site, job)
    site.celery.send_task("diary", task_id=job)
    assert site.ended(job).phase == "finished"
    site.celery.send_task("diary", task_id=job)
    assert_queue_is_empty(site)
    assert site.ended(site.submit("diary", seconds=0.1)).phase == "finished"
    assert diary(site)[job, "start"] == 1


@pytest.mark.silence
def test_a_lost_message_is_sent_again(site: Installation) -> None:
    """This works for one message and for all of them."""
    site.stop("worker")
    jobs = [site.submit("diary", seconds=0.1) for _ in range(3)]
    site.redis.lpop("celery")
    site.start("worker")
    assert [site.ended(job).phase for job in jobs] == ["finished"] * 3
    site.stop("worker")
    jobs = [site.submit("diary", seconds=0.1) for _ in range(3)]
    site.redis.delete("celery")
    site.start("worker")
    assert [site.ended(job).phase for job in jobs] == ["finished"] * 3
    assert set(diary(site).values()) == {1}


@pytest.mark.parametrize("way", ["end", "cancel", "soft limit", "hard limit", "kill job", "kill worker", "stop worker"])
def test_no_program_outlives_its_job(site: Installation, way: str) -> None:
    """Its children end too, even in a process group and session of their own."""
    tool = {"soft limit": "outsource_briefly", "hard limit": "outsource_and_cling"}.get(way, "outsource")
    params = {} if way == "hard limit" else {"seconds": 1.5 if way == "end" else 200.0}
    job = site.submit(tool, **params)
    number = 2 if way == "hard limit" else 4
    wait_for(lambda: len(programs(site)) >= number or not site.store.find(job).active)
    match way:
        case "cancel":
            site.store.cancel(job)
        case "kill job":
            site.redis.hset(f"job:{job}", "attempts", 2)
            os.kill(process_of(site, job), signal.SIGKILL)
        case "kill worker":
            site.signal("worker", signal.SIGKILL)
        case "stop worker":
            site.stop("worker")
    wait_for(lambda: not programs(site))
    phases = {"end": "finished", "cancel": "cancelled", "stop worker": "waiting", "kill worker": "running"}
    assert wait_for(lambda: site.store.find(job).phase == phases.get(way, "failed"))


def programs(site: Installation) -> list[psutil.Process]:
    """Return the programs of jobs that sleep, wherever they are in the tree of processes."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # it has ended
            if process.name() == "sleep" and process.environ().get("HOME", "").startswith(str(site.settings.data_dir)):
                found.append(process)
    return found


def test_a_result_waits_for_redis(site: Installation) -> None:
    """A job that ends while Redis is down is finished once Redis is back. One that takes too much space is killed."""
    is_down = site.settings.data_dir / "down"
    script = f"ps -o pid= -p $$ > pid; until [ -e {is_down} ]; do sleep 0.1; done; truncate -s 900M a b c; sleep 1000"
    large = site.jobs.submit(tools.load()["run_script"], {"script": script}, Submission(client="192.0.2.33"))
    pid = int(wait_for(lambda: "".join(path.read_text() for path in site.store.files.folder(large).rglob("pid"))))
    job = site.submit("diary", seconds=2.0)
    running(site, job, done=10)
    site.signal("redis", signal.SIGKILL)
    is_down.touch()
    wait_for(lambda: diary(site)[job, "end"] and not psutil.pid_exists(pid))
    site.start("redis")
    record = site.ended(job)
    assert (record.phase, record.result, record.attempts) == ("finished", {"slept": 2.0}, 1)
    assert record.progress["current"] == record.progress["total"] == 20
    assert site.ended(large).user_message == TOO_MANY_BYTES


def test_jobs_continue_while_redis_hangs(site: Installation) -> None:
    """They end as usual. tests/web/test_jobs.py has the pages."""
    jobs = [site.submit("diary", seconds=3.0), site.submit("diary", seconds=14.0)]
    running(site, jobs[1])
    site.signal("redis", signal.SIGSTOP)
    time.sleep(10)
    site.signal("redis", signal.SIGCONT)
    records = [site.ended(job) for job in jobs]
    assert [(record.phase, record.attempts) for record in records] == [("finished", 1)] * 2
    assert set(diary(site).values()) == {1}


def test_jobs_end_and_are_cancelled_while_redis_is_full(site: Installation) -> None:
    """A submission is refused and leaves nothing, and a waiting job ends when there is room."""
    jobs = [site.submit("diary", seconds=seconds) for seconds in (100.0, 100.0, 0.5, 100.0)]
    for job in jobs[:2]:
        running(site, job)
    site.redis.config_set("maxmemory", 1)
    with pytest.raises(UNAVAILABLE):
        site.submit("diary", seconds=0.1)
    assert {path.name for path in (site.settings.data_dir / "jobs").glob("[!.]*")} == set(jobs)
    for job in (jobs[3], jobs[1]):
        site.jobs.cancel(job)
        assert site.ended(job).phase == "cancelled"
    let_jobs_end(site)
    assert site.ended(jobs[0]).phase == "finished"
    assert site.store.find(jobs[1]).result == {"slept": "not all of it"}
    site.redis.config_set("maxmemory", 0)
    assert site.ended(jobs[2]).phase == "finished"
    assert site.ended(site.submit("diary", seconds=0.1)).phase == "finished"


def test_a_result_waits_while_redis_refuses_writes(site: Installation) -> None:
    """A submission is refused and leaves nothing."""
    job = site.submit("diary", seconds=100.0)
    running(site, job)
    site.redis.config_set("min-replicas-to-write", 1)
    with pytest.raises(UNAVAILABLE):
        site.submit("diary", seconds=0.1)
    assert site.redis.zcard("queue:celery") == 0
    assert [path.name for path in (site.settings.data_dir / "jobs").glob("[!.]*")] == [job]
    let_jobs_end(site)
    wait_for(lambda: diary(site)[job, "end"])
    time.sleep(2)  # in which the worker tries to store the result
    assert site.store.find(job).active
    site.redis.config_set("min-replicas-to-write", 0)
    assert site.ended(job).result == {"slept": 100.0}
    assert site.ended(site.submit("diary", seconds=0.1)).phase == "finished"


def test_a_waiting_job_is_cancelled_without_a_worker(site: Installation) -> None:
    """It never runs, and its place in the queue is free at once."""
    site.stop("worker")
    job, next_job = site.submit("diary", seconds=0.1), site.submit("diary", seconds=0.1)
    assert site.store.cancel(job) == "cancelled"
    assert site.store.find(next_job).ahead == 0
    wait_for(lambda: site.store.find(next_job).workers == 0)
    site.start("worker")
    assert site.ended(next_job).phase == "finished"
    assert (site.store.find(job).phase, diary(site)[job, "start"]) == ("cancelled", 0)


def test_a_running_job_is_cancelled(installation: Installation) -> None:
    """Whatever its tool does, which would go on for long. It keeps the result that it has, and its process is free."""
    for tool in ("diary", "nap", "cling_for_long", "hog_for_long"):
        job = installation.submit(tool, **({"seconds": 60.0} if tool == "diary" else {}))
        process = psutil.Process(wait_for(partial(process_of, installation, job)))
        installation.store.cancel(job)
        assert installation.store.find(job).cancel_requested
        record = installation.ended(job)
        if tool.endswith("for_long"):
            process.wait(PATIENCE)
        assert (record.phase, record.result) == ("cancelled", {"slept": "not all of it"} if tool == "diary" else None)
        assert installation.ended(installation.submit("diary", seconds=0.1)).phase == "finished"


def test_the_hard_limit_ends_a_tool_that_ignores_the_soft_one(site: Installation) -> None:
    """The tool swallows the exception, or is in a call that holds the interpreter."""
    for job in [site.submit(tool) for tool in ("cling", "hog")]:
        assert "time limit" in str(site.ended(job).user_message)


def test_another_worker_takes_over_from_a_stopping_one(site: Installation) -> None:
    """If another worker is running, it takes over at once."""
    site.start("worker-2")
    jobs = [site.submit("diary", seconds=3.0) for _ in range(4)]
    running(site, jobs[3])
    site.stop("worker")
    records = [site.ended(job) for job in jobs]
    assert [(record.phase, record.attempts) for record in records] == [("finished", 1)] * 4


def test_a_job_that_kills_its_process_fails_after_two_attempts(installation: Installation) -> None:
    """Other jobs are not affected."""
    others = [installation.submit("diary", seconds=1.0) for _ in range(2)]
    poison = installation.submit("vanish")
    record = installation.ended(poison)
    assert (record.phase, record.attempts) == ("failed", 2)
    assert "lost on every attempt" in str(record.user_message)
    assert [installation.ended(job).phase for job in others] == ["finished"] * 2


def test_submissions_leave_no_connections_open(site: Installation) -> None:
    """No submission leaves a subscription or a connection. The threads of the pool have theirs after the first ones."""
    for _ in range(20):
        site.submit("blame")
    subscribed, clients = site.redis.info("clients")["pubsub_clients"], len(site.redis.client_list())
    for _ in range(100):
        site.submit("blame")
    assert site.redis.info("clients")["pubsub_clients"] == subscribed
    assert len(site.redis.client_list()) <= clients + 10  # each process of the worker opens one for its first job
    assert_queue_is_empty(site)


def test_a_full_disk_fails_a_job_and_refuses_a_submission(site: Installation) -> None:
    """Both have a user message, and the submission leaves nothing."""
    assert site.ended(site.submit("flood")).user_message == DISK_FULL
    with largest_file(1000), pytest.raises(OSError, match="File too large"):
        site.submit("phmmer", query=b"x" * 2000, targets=None, evalue=1.0)
    assert site.redis.zcard("queue:celery") == 0
    folders = [path.name for path in (site.settings.data_dir / "jobs").glob("[!.]*")]
    assert len(folders) == 1


def test_a_job_whose_client_has_too_many_bytes_ends_while_it_runs(installation: Installation) -> None:
    """Its program ends too, and what it wrote until then counts. The files have holes, so they take no space."""
    client = Submission(client="192.0.2.33")
    tool = tools.load()["run_script"]
    script = "truncate -s 900M a b c; ps -o pid= -p $$ > pid; sleep 1000"
    job = installation.jobs.submit(tool, {"script": script}, client)
    record = installation.ended(job)
    assert (record.phase, record.user_message, record.attempts) == ("failed", TOO_MANY_BYTES, 1)
    (pid,) = (path.read_text() for path in installation.store.files.folder(job).rglob("pid"))
    wait_for(lambda: not psutil.pid_exists(int(pid)))
    assert installation.store.usage(client.client).client_bytes > 2_700_000_000
    assert installation.ended(installation.submit("diary", seconds=0.1)).phase == "finished"


def test_expired_jobs_are_deleted_and_running_ones_are_not(site: Installation) -> None:
    """The record and the folder are deleted together, by the time of the end."""
    old, young = site.submit("diary", seconds=0.1), site.submit("diary", seconds=0.1)
    site.ended(old), site.ended(young)
    long = site.submit("diary", seconds=12.0)
    running(site, long)
    site.redis.hset(f"job:{long}", "submitted", 1.0)
    site.redis.zincrby("jobs:ended", -site.settings.retention - 1, old)
    wait_for(lambda: not site.store.find_all([old]))
    assert wait_for(lambda: not site.store.files.folder(old).exists())
    assert site.store.find(young).phase == "finished"
    assert site.ended(long).phase == "finished"


@pytest.mark.parametrize("wrong", [("kombu", "5.6.9"), ("redis", "9.0.0b1"), ("redis", "7.4.0")])
def test_untested_versions_of_kombu_and_redis_are_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], wrong: tuple[str, str]
) -> None:
    """At the start, because pip may install them although the lock forbids it."""
    redis_check.check("redis://127.0.0.1:1/0")  # the versions in the lock are accepted
    monkeypatch.setattr(redis_check, "version", ({"kombu": "5.7.0", "redis": "8.1.0"} | dict([wrong])).__getitem__)
    with pytest.raises(SystemExit):
        redis_check.check("redis://127.0.0.1:1/0")
    assert " ".join(wrong) in capsys.readouterr().err


def test_a_process_that_lost_its_job_ends(site: Installation) -> None:
    """It writes nothing more."""
    job = site.submit("diary", seconds=100.0)
    running(site, job)
    process = psutil.Process(process_of(site, job))
    site.redis.hset(f"job:{job}", "worker", "another")
    process.wait(PATIENCE)
    assert diary(site) == {(job, "start"): 1}
    assert site.store.find(job).phase == "running"
