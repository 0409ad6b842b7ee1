"""Benchmark of jobs that do nothing, compared with bare Celery with its own result backend on the same Redis.

    python -m bench.jobs

Both workers run two tasks at a time, and use the same Redis, which waits for the disk before each reply. They are
measured in turn, after a round that warms both up.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from bench.support.stack import must_finish, stack
from bench.support.table import Line, print_table
from greeter import tools
from greeter.toolkit.tool import Tool
from tests.conftest import ROOT, Installation, wait_for

JOBS, ROUNDS, SINGLE = 500, 7, 60


@contextmanager
def _bare_celery(installation: Installation) -> Iterator[Any]:
    """Start a worker of bare Celery; yield its task and its process."""
    os.environ["REDIS_URL"] = installation.settings.redis_url
    from bench.peers.bare_celery import app, empty

    command = [sys.executable, "-m", "celery", "--quiet", "--app", "bench.peers.bare_celery", "worker"]
    options = ["--concurrency", "2", "--hostname", "bare@bench", "--loglevel", "WARNING"]
    with installation.log.open("ab") as log:
        process = subprocess.Popen([*command, *options], cwd=ROOT, stdout=log, stderr=log)
    try:
        wait_for(lambda: app.control.ping(["bare@bench"], timeout=0.3), 60)
        yield empty, process
    finally:
        process.terminate()
        process.wait()


def _jobs_per_second(pid: int, submit: Callable[[], object], is_done: Callable[[], bool]) -> float:
    """Suspend a worker, submit jobs, and measure how fast it runs them when it continues."""
    os.kill(pid, signal.SIGSTOP)
    try:
        for _ in range(JOBS):
            submit()
    finally:
        os.kill(pid, signal.SIGCONT)
    began = time.perf_counter()
    while not is_done():
        time.sleep(0.005)
    return JOBS / (time.perf_counter() - began)


def _submit(installation: Installation) -> str:
    """Submit a job as the web does; `installation.submit` would look for new tools first."""
    return installation.jobs.submit(_empty(), {})


@cache
def _empty() -> Tool:
    return tools.load()["empty"]


def _ours(installation: Installation) -> float:
    before = installation.redis.zcard("jobs:ended")
    done = lambda: installation.redis.zcard("jobs:ended") >= before + JOBS  # noqa: E731
    return _jobs_per_second(installation.pid("worker-old"), lambda: _submit(installation), done)


def _bare(installation: Installation, empty: Any, pid: int) -> float:
    results: list[Any] = []
    done = lambda: installation.redis.exists(*[f"celery-task-meta-{one.id}" for one in results]) == JOBS  # noqa: E731
    return _jobs_per_second(pid, lambda: results.append(empty.delay()), done)


def _milliseconds(submit: Callable[[], Any], is_done: Callable[[Any], bool]) -> float:
    began = time.perf_counter()
    job = submit()
    while not is_done(job):
        time.sleep(0.001)
    return (time.perf_counter() - began) * 1e3


def lines() -> list[Line]:
    """Return the lines of the table."""
    site = stack("redis", "worker", only_tools_of_the_site=False, max_waiting=10**6, silence_limit=60)
    with site as installation, _bare_celery(installation) as (empty, process):
        must_finish(installation, installation.submit("empty"))
        rounds = [(_ours(installation), _bare(installation, empty, process.pid)) for _ in range(ROUNDS + 1)]
        ours, bare = (max(rates) for rates in zip(*rounds[1:], strict=True))
        find = installation.store.find
        waits = [
            (
                _milliseconds(lambda: _submit(installation), lambda job: not find(job).active),
                _milliseconds(empty.delay, lambda result: result.ready()),
            )
            for _ in range(SINGLE)
        ]
        our_wait, bare_wait = (statistics.median(times) for times in zip(*waits, strict=True))
    return [
        Line("jobs that do nothing", f"{ours:.0f} /s", f"bare Celery, {bare:.0f} /s", ours / bare, ">= 1.00"),
        Line(
            "from submission to result",
            f"{our_wait:.1f} ms",
            f"bare Celery, {bare_wait:.1f} ms",
            our_wait / bare_wait,
            "<= 1.5",
        ),
    ]


def main() -> None:
    """Print the jobs per second, and the wait."""
    print_table(lines())


if __name__ == "__main__":
    main()
