"""Benchmark of polls and submissions while 100,000 jobs wait, compared with an empty queue.

    python -m bench.long_queue

Two installations, each with five workers that are busy, are measured in turn. In each, visitors submit jobs and poll
the page of the newest one.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bench.support.table import Line, print_table
from tests.conftest import Installation, wait_for

WAITING, WORKERS, VISITORS, ROUNDS, SECONDS, POLLS = 100_000, 5, 2, 6, 4, 10
_FORM = urlencode({"person": "Ada", "total": "9"})
_FORM_HEADERS = {"Content-Type": "application/x-www-form-urlencoded"}

Times = Mapping[str, list[float]]
"""How long each poll and each submission took, in seconds."""


def _site(stack: ExitStack) -> Installation:
    """Start an installation whose workers are all busy."""
    limits = {"max_waiting": 2 * WAITING, "max_active": 2 * WAITING, "worker_concurrency": 1, "min_free_bytes": 0}
    site = stack.enter_context(closing(Installation(Path(tempfile.mkdtemp()), **limits)))
    site.start("redis", "web", *(f"worker-{number}" for number in range(WORKERS)))
    jobs = [site.submit("expensive_greet", person="Ada", total=9000) for _ in range(WORKERS)]
    wait_for(lambda: all(site.store.find(job).phase == "running" for job in jobs), 60)
    return site


def _fill(site: Installation) -> None:
    """Add waiting jobs of many clients, without the files that only their workers would read."""
    create: Any = site.store._scripts._scripts["create"]
    limits, fields = (2 * WAITING, 2 * WAITING, 60, 0, "", 0, 10**9), ("tool", "expensive_greet", "params", "{}")
    for start in range(0, WAITING, 1000):
        with site.redis.pipeline(transaction=False) as pipeline:
            for number in range(start, start + 1000):
                create(args=[f"{number:032x}", "", f"client {number // 20}", *limits, *fields], client=pipeline)
            pipeline.execute()
    assert site.redis.zcard("queue:celery") == WAITING  # else these are not the arguments of create.lua any more


def _visit(site: Installation) -> Times:
    """Submit jobs and poll the page of the newest one for SECONDS. Any status but 200 and 303 is an error."""
    taken = defaultdict(list)
    with closing(HTTPConnection("127.0.0.1", site.settings.web_port, 30)) as connection:

        def ask(kind: str, *request: Any) -> str:
            began = time.perf_counter()
            connection.request(*request)
            response = connection.getresponse()
            response.read()
            taken[kind].append(time.perf_counter() - began)
            assert response.status in (200, 303), response.status
            return response.headers.get("Location", "")

        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            job = ask("submission", "POST", "/tools/expensive_greet", _FORM, _FORM_HEADERS)
            for _ in range(POLLS):
                time.sleep(0.01)
                ask("poll", "GET", f"{job}/progress")
    return taken


def _p99(times: list[float]) -> float:
    return statistics.quantiles(times, n=100)[98] * 1e3


def lines() -> list[Line]:
    """Return the lines of the table."""
    with ExitStack() as stack:
        empty, full = _site(stack), _site(stack)
        _fill(full)
        visitors = stack.enter_context(ThreadPoolExecutor(VISITORS))
        taken: dict[int, Any] = {id(empty): defaultdict(list), id(full): defaultdict(list)}
        for count in range(ROUNDS + 1):
            for site in (empty, full):
                for times in visitors.map(_visit, [site] * VISITORS):
                    for kind in times if count else ():  # the first round only warms up
                        taken[id(site)][kind] += times[kind]
    found = []
    for kind in ("poll", "submission"):
        long, short = (_p99(taken[id(site)][kind]) for site in (full, empty))
        figure, beside = f"99 % of {kind}s, {WAITING:,} waiting", f"an empty queue, {short:.1f} ms"
        found.append(Line(figure, f"{long:.1f} ms", beside, long / short, "<= 1.20"))
    return found


def main() -> None:
    """Print the 99th percentiles."""
    print_table(lines())


if __name__ == "__main__":
    main()
