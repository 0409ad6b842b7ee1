"""Draining a worker through the documented command, `flask drain`."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any, cast

import psutil
import pytest

from greeter import create_app
from tests.conftest import PATIENCE, ROOT, Installation, wait_for
from tests.test_recovery import diary, let_jobs_end, running

pytestmark = pytest.mark.slow


@pytest.fixture
def site(own_installation: Installation) -> Installation:
    """Redis and a worker with two processes."""
    own_installation.start("redis", "worker")
    return own_installation


def drain(site: Installation, *arguments: str) -> subprocess.Popen[str]:
    """Start `flask drain` with the settings of the installation."""
    return subprocess.Popen(
        [Path(sys.executable).parent / "flask", "drain", *arguments],
        env=os.environ | site.environ,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def outcome(draining: subprocess.Popen[str]) -> tuple[int, str]:
    """Wait for the end of a command, and return its exit status and output."""
    output, _ = draining.communicate(timeout=PATIENCE)
    return draining.returncode, output


def test_a_drained_worker_finishes_its_jobs_and_takes_no_new_ones(site: Installation) -> None:
    """The update of a site with long jobs: a new worker, `flask drain` of the old one, and its stop."""
    long = site.submit("diary", seconds=100.0)  # the other process is free
    running(site, long)
    old = site.redis.hget(f"job:{long}", "worker")
    site.launch("worker-2")
    draining = drain(site, "worker@test")
    assert draining.stdout.readline() == "worker@test takes no new jobs, and still runs 1.\n"
    short = [site.submit("diary", seconds=0.1) for _ in range(6)]
    assert [site.ended(job).phase for job in short] == ["finished"] * 6
    let_jobs_end(site)
    status, output = outcome(draining)
    assert (status, output) == (0, "worker@test has no jobs and takes none. Stop it now.\n")
    assert (site.ended(long).phase, site.ended(long).attempts) == ("finished", 1)
    site.stop("worker")
    workers = {site.redis.hget(f"job:{job}", "worker") for job in short}
    assert len(workers) == 1
    assert old not in workers
    assert set(diary(site).values()) == {1}


def test_a_worker_stays_drained(site: Installation) -> None:
    """When it gets its folder back, and after a restart of Redis. A start ends it."""
    folder, aside = site.store.files.root, site.settings.data_dir / "aside"
    folder.rename(aside)
    wait_for(lambda: len(site.store.statistics().unfit) == 1)
    assert outcome(drain(site, "worker@test"))[0] == 0
    aside.rename(folder)
    wait_for(lambda: site.store.statistics().unfit == [])
    job = site.submit("diary", seconds=0.1)
    time.sleep(2)  # in which a worker that is not drained would run it
    assert site.store.find(job).phase == "waiting"
    site.signal("redis", signal.SIGKILL)
    site.start("redis")
    wait_for(lambda: outcome(drain(site, "worker@test"))[0] == 0)  # it has reconnected
    assert site.workers() == 0
    assert site.store.find(job).phase == "waiting"
    site.stop("worker")
    site.start("worker")
    assert site.ended(job).phase == "finished"


def test_a_drain_says_what_is_wrong(site: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that no worker has, and a time that is too short for a job of any worker with the name.

    This includes a worker that does not answer.
    """
    command = site.command("worker")
    monkeypatch.setattr(site, "command", lambda name: command)
    site.launch("worker-2")
    wait_for(lambda: site.workers() == 2)
    unknown = [drain(site, "worker@other")]
    job = site.submit("diary", seconds=100.0)
    running(site, job)
    busy = psutil.Process(int(site.store.fields(job, "process")["process"])).parent()
    assert busy
    busy.suspend()
    # Workers that stall for a second do not answer in time.
    too_long = (
        "worker@test takes no new jobs, and still runs 1.\n"
        "Error: worker@test still has jobs. It takes no new ones. Run this again to wait longer.\n"
    )
    wait_for(lambda: outcome(drain(site, "worker@test", "--seconds", "1")) == (1, too_long))
    busy.resume()
    names = "Error: No worker worker@other answers. These do: worker@test, worker@test. Check the name.\n"
    wait_for(lambda: outcome(unknown.pop() if unknown else drain(site, "worker@other")) == (1, names))
    let_jobs_end(site)
    assert site.ended(job).phase == "finished"


@contextmanager
def old_worker(site: Installation) -> Iterator[None]:
    """Let a worker answer that knows no commands."""
    stopping, control = Event(), cast(Any, site.celery.control)
    with site.celery.connection_for_read() as connection:
        node = control.mailbox.Node("worker@old", channel=connection.default_channel)
        node.listen()

        def answer() -> None:
            while not stopping.is_set():
                with suppress(TimeoutError):
                    connection.drain_events(timeout=0.1)

        thread = Thread(target=answer)
        thread.start()
        try:
            yield
        finally:
            stopping.set()
            thread.join()


def test_a_drain_does_not_guess(with_redis: Installation) -> None:
    """Without an answer, it is unknown whether there are jobs. A worker of version 0.2.0 refuses."""
    command = create_app(with_redis.settings).test_cli_runner()
    unknown = command.invoke(args=["drain", "worker@new", "--seconds", "0"])
    assert (unknown.exit_code, unknown.output) == (
        1,
        "Error: worker@new does not answer. Run this again to wait longer.\n",
    )
    with old_worker(with_redis):
        refused = command.invoke(args=["drain", "worker@old"])
    assert refused.exit_code == 1
    assert "worker@old has a version that cannot drain. deploy/README.md says" in refused.output
