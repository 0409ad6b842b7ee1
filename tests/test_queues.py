"""Several queues and several visitors, with real workers."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from celery.result import AsyncResult

from greeter import tools
from greeter.jobs.submission import Submission
from tests.conftest import ROOT, Installation, wait_for
from tests.http import fetch
from tests.test_recovery import running

pytestmark = pytest.mark.slow


@pytest.fixture
def site(own_installation: Installation) -> Installation:
    """Redis, a worker of the queue `celery`, and one of the queue `long` when the test starts it."""
    own_installation.more_environ |= {
        "worker": {"WORKER_QUEUES": "celery"},
        "worker-2": {"WORKER_QUEUES": "long", "WORKER_CONCURRENCY": "1"},
    }
    own_installation.start("redis", "worker")
    return own_installation


def not_ready(site: Installation) -> str:
    """Return why the site is not ready, or an empty string."""
    return str(json.loads(fetch(site, "/health/ready").body).get("reason", ""))


def test_a_long_queue_does_not_delay_another(site: Installation) -> None:
    """Each worker takes the jobs of its queues only, and each queue has its own places."""
    site.start("worker-2")
    long = [site.submit("long_diary", seconds=600.0) for _ in range(4)]
    running(site, long[0])
    assert [site.store.find(job).ahead for job in long[1:]] == [0, 1, 2]
    short = [site.submit("diary", seconds=0.1) for _ in range(4)]
    assert [site.ended(job).phase for job in short] == ["finished"] * 4
    assert [site.store.find(job).phase for job in long[1:]] == ["waiting"] * 3
    counted = site.store.statistics().queues
    assert [(counted[name].waiting, counted[name].running) for name in ("celery", "long")] == [(0, 0), (3, 1)]
    result: AsyncResult[Any] = AsyncResult(long[1], app=site.celery)
    assert result.state == "PENDING"
    site.jobs.cancel(long[0])
    wait_for(lambda: str(result.state) == "PROGRESS")
    for job in long:
        site.jobs.cancel(job)


def signatures(site: Installation) -> tuple[bool, bool]:
    """Return whether a worker says that it runs the jobs of a tool of each queue, so that they do not fail."""
    diary, long_diary = (
        tools.load()[name].signature in site.store.announced_tools() for name in ("diary", "long_diary")
    )
    return diary, long_diary


def test_a_queue_without_a_worker_is_named(site: Installation) -> None:
    """On the pages of its jobs, in the readiness check and in the metrics, until a worker serves it."""
    site.more_environ["web"] = {"METRICS_TOKEN": "a token of sixteen or more"}
    site.start("web")
    job = site.submit("long_diary", seconds=0.1)
    wait_for(lambda: site.workers("celery") == 1)
    assert signatures(site) == (True, False)
    assert "No worker for this job (queue “long”) is running" in fetch(site, f"/jobs/{job}").body
    wait_for(lambda: "these queues: long. Start one" in not_ready(site))
    login = {"Authorization": "Bearer a token of sixteen or more"}
    metrics = wait_for(
        lambda: 'workers{queue="celery"} 1.0' in (body := fetch(site, "/metrics", **login).body) and body
    )
    for line in ('jobs_waiting{queue="long"} 1.0', 'workers{queue="long"} 0.0'):
        assert f"site_{line}" in metrics
    assert re.search(r'^site_oldest_waiting_seconds\{queue="long"\} \d', metrics, re.MULTILINE)
    site.start("worker-2")
    assert site.ended(job).phase == "finished"
    wait_for(lambda: not_ready(site) == "")
    assert signatures(site) == (True, True)


@contextmanager
def documented_worker(site: Installation) -> Iterator[None]:
    """Run the line of the deployment guide that starts a worker of its own for the queue `long`."""
    (line,) = re.findall(r"^worker-long: (.+)$", (ROOT / "deploy" / "README.md").read_text(), re.MULTILINE)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = line.replace("greeter.worker", "tests.entries")
    with site.log.open("ab") as log:
        environ = os.environ | site.environ | {"PATH": path}
        process = subprocess.Popen(["sh", "-c", command], cwd=ROOT, env=environ, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def test_the_documented_worker_serves_its_queue_only(site: Installation) -> None:
    """It is one line of the Procfile."""
    job = site.submit("long_diary", seconds=0.1)
    with documented_worker(site):
        assert site.ended(job).phase == "finished"
        wait_for(lambda: (site.workers("celery"), site.workers("long")) == (1, 1))


def test_a_worker_with_a_queue_of_no_tool_refuses_to_start(site: Installation) -> None:
    """The message names it, and the queues that there are."""
    environ = os.environ | site.environ | {"WORKER_QUEUES": "celery,lnog"}
    command = [sys.executable, "-m", "celery", "--app", "tests.entries", "worker"]
    ended = subprocess.run(command, cwd=ROOT, env=environ, timeout=60, capture_output=True, text=True, check=False)
    assert ended.returncode == os.EX_CONFIG
    assert "WORKER_QUEUES names lnog, which no tool uses. Valid queues: celery, long. Correct it" in ended.stderr


def test_the_first_job_of_another_visitor_starts_next(site: Installation) -> None:
    """While a hundred jobs of one visitor wait."""
    site.stop("worker")
    tool = tools.load()["diary"]
    many = [site.jobs.submit(tool, {"seconds": 0.1}, Submission(client="192.0.2.1")) for _ in range(100)]
    first = site.jobs.submit(tool, {"seconds": 0.1}, Submission(client="192.0.2.2"))
    assert site.store.find(first).ahead == 1
    site.more_environ["worker"]["WORKER_CONCURRENCY"] = "1"  # so that the order of the starts is that of the queue
    site.start("worker")
    site.ended(first)
    started = {job: float(site.redis.hget(f"job:{job}", "started") or "inf") for job in (*many, first)}
    assert [job for job in many if started[job] < started[first]] == many[:1]
    for job in reversed(many):
        site.jobs.cancel(job)
