"""Benchmark of the polls of a job's page, compared with bare Flask and other ways to show how far a job is.

    python -m bench.poll

Starts Redis and a gunicorn for each application, all with gunicorn.conf.py, and for some of them another one with
gunicorn's own worker with threads. They are measured in turn with wrk.
"""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from flask import Flask

from bench.support.servers import requests_per_second, server, status_and_headers
from bench.support.stack import PUBLIC
from bench.support.table import Line, print_table
from greeter import create_app
from greeter.jobs.runner import Runner
from greeter.jobs.submission import Submission
from greeter.web.poll_cache import CACHE_SECONDS
from greeter.web.services import services
from tests.conftest import Installation

SECONDS, ROUNDS, JOBS = 2, 5, 1000
_ANCESTOR = "bench.peers.ancestor:app"
_OWN_WORKER = "--worker-class gthread"
_META = {"current": 3, "total": 9, "unit": "step"}


class Request(NamedTuple):
    """A request to measure.

    Attributes:
        port: The port of the server.
        path: The path, with a format for the number of the job.
        unchanged: Whether to send the tag of the current state.
        many: Whether each request is for another job.
    """

    port: int
    path: str
    unchanged: bool = False
    many: bool = False

    def per_second(self) -> float:
        """Measure how many of these requests are answered in a second."""
        paths = [self.path.format(number) for number in range(JOBS if self.many else 1)]
        tags = [self._tag(path) if self.unchanged else "" for path in paths]
        requests = ", ".join(f"{{'{path}', '{tag}'}}" for path, tag in zip(paths, tags, strict=True))
        script = (
            f"local requests, count = {{{requests}}}, 0\n"
            + """request = function()
            count = count % #requests + 1
            local path, tag = unpack(requests[count])
            return wrk.format('GET', path, {['HX-PTag'] = tag})
        end"""
        )
        return requests_per_second(self.port, SECONDS, script)

    def _tag(self, path: str) -> str:
        """Return the tag of the current state, after a check that it gets a 304. The state may change in between."""
        for _ in range(3):
            tag = status_and_headers(self.port, path)[1]["HX-PTag"]
            if status_and_headers(self.port, path, **{"HX-PTag": tag})[0] == 304:
                return tag
            time.sleep(CACHE_SECONDS)  # until both processes have read the change
        raise AssertionError(f"{path} changes with each request")


def application() -> Flask:
    """Create the application with a route that reads one value, behind the same hooks and headers as a poll."""
    app = create_app()
    logging.getLogger("greeter.request").disabled = True  # polls are not logged, so the GET should not be either

    @app.get("/get")
    def get() -> bytes | str:
        return services().jobs.store.redis.get("bench") or b""

    return app


def _add_jobs(installation: Installation) -> None:
    """Add running jobs whose pages change once a minute, because they started an hour ago."""
    store, runner = installation.store, Runner("worker", 1)
    for number in range(JOBS):
        job_id = f"{number:032x}"
        store.create(job_id, "expensive_greet", {"person": "Ada", "total": 9}, Submission())
        store.runs.claim(job_id, runner, {})
        store.runs.report_progress(job_id, runner, {"current": 3, "total": 9, "unit": "step", "seconds": 1200.0})
        installation.redis.hincrbyfloat(f"job:{job_id}", "started", -3610)
        installation.redis.zincrby("jobs:running", 3600, job_id)


def _peers(installation: Installation, stack: ExitStack) -> Iterator[tuple[str, Request]]:
    """Start the other applications that are installed, each with one job, but the first with as many as ours."""
    from bench.peers import ancestor

    for number in range(JOBS):
        ancestor.celery.backend.store_result(f"{number:032x}", _META, "PROGRESS")
    page = "/status/{:032x}"
    port = stack.enter_context(server(installation, _ANCESTOR))
    yield "ancestor", Request(port, page)
    yield "ancestor, many", Request(port, page, many=True)
    yield "plain ancestor", Request(stack.enter_context(server(installation, _ANCESTOR, _OWN_WORKER)), page)
    try:
        import celery_progress  # noqa: F401
        import rq
    except ImportError:
        print("celery-progress and RQ are not installed: run make bench, or install bench/requirements.txt.")
        return
    port = stack.enter_context(server(installation, "bench.peers.django_progress:app"))
    yield "celery-progress", Request(port, "/celery-progress/task/")
    job = rq.Queue(connection=installation.redis).enqueue("os.getpid", job_id="rq", meta=_META)
    yield "RQ", Request(stack.enter_context(server(installation, "bench.peers.rq_fetch:app")), f"/jobs/{job.id}")


def measure() -> dict[str, float]:
    """Return the requests per second of each kind: the best round of each."""
    installation = Installation(Path(tempfile.mkdtemp()), **PUBLIC)
    with ExitStack() as stack:
        stack.callback(installation.close)
        installation.start("redis")
        os.environ["REDIS_URL"] = installation.settings.redis_url
        installation.redis.set("bench", b"x" * 300)
        _add_jobs(installation)
        bare = stack.enter_context(server(installation, "bench.peers.bare:app"))
        plain = stack.enter_context(server(installation, "bench.peers.bare:app", _OWN_WORKER))
        ours = stack.enter_context(server(installation, "bench.poll:application()"))
        path = "/jobs/{:032x}/progress"
        requests = {
            "hello": Request(bare, "/hello"),
            "GET": Request(bare, "/get"),
            "plain hello": Request(plain, "/hello"),
            "plain GET": Request(plain, "/get"),
            "our GET": Request(ours, "/get"),
            "changed": Request(ours, path),
            "changed, many": Request(ours, path, many=True),
            "unchanged": Request(ours, path, unchanged=True),
            "unchanged, many": Request(ours, path, unchanged=True, many=True),
        }
        requests |= dict(_peers(installation, stack))
        rounds = [{name: one.per_second() for name, one in requests.items()} for _ in range(ROUNDS)]
    return {name: max(found[name] for found in rounds) for name in requests}


def lines() -> list[Line]:
    """Return the lines of the table."""
    rates = measure()

    def line(figure: str, name: str, other: str, beside: str, target: str = "") -> Line:
        value, base = rates[name], rates[other]
        return Line(figure, f"{value:,.0f} /s", f"{beside}, {base:,.0f} /s", value / base, target)

    hello, get, own = "bare Flask hello", "bare Flask with one Redis GET", "our Flask with one Redis GET"
    page, plainly = "AsyncResult and a page", "with gunicorn's own worker"
    found = [
        line("changed poll, one job for all", "changed", "hello", hello, ">= 0.54"),
        line("changed poll, one job for all", "changed", "GET", get, ">= 0.85"),
        line("changed poll, one job for all", "changed", "ancestor", page, ">= 2"),
        line("changed poll, one job for all", "changed", "plain hello", f"{hello} {plainly}"),
        line("changed poll, one job for all", "changed", "plain ancestor", f"{page} {plainly}"),
        line("changed poll, a job for each", "changed, many", "plain hello", f"{hello} {plainly}"),
        line("changed poll, a job for each", "changed, many", "ancestor, many", f"{page}, a task for each"),
        line("unchanged poll (304), one job for all", "unchanged", "GET", get, ">= 1.00"),
        line("unchanged poll (304), one job for all", "unchanged", "our GET", own, ">= 1.00"),
        line("unchanged poll (304), a job for each", "unchanged, many", "plain GET", f"{get} {plainly}"),
        line("one Redis GET", "GET", "hello", hello),
        line(page, "ancestor", "hello", hello),
    ]
    found += [line(name, name, "hello", hello) for name in ("celery-progress", "RQ") if name in rates]
    return found


def main() -> None:
    """Print the requests per second of each kind."""
    print_table(lines())


if __name__ == "__main__":
    main()
