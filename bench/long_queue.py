"""Benchmark of polls and submissions while 100,000 jobs wait, compared with an empty queue.

    python -m bench.long_queue

Visitors of two installations, each with five workers that are busy, submit jobs and poll the page of the newest one, at
one installation and the other in turn. So what else the machine does meets both alike.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bench.support.table import Line, print_table
from tests.conftest import Installation, wait_for

WAITING, WORKERS, VISITORS, SECONDS, POLLS = 100_000, 5, 2, 120, 2
RESAMPLES = 400
TOGETHER = 20  # times in a row that are drawn together, because slow ones come in bursts
_FORM = urlencode({"person": "Ada", "total": "9"})
_FORM_HEADERS = {"Content-Type": "application/x-www-form-urlencoded"}

KINDS = ("poll", "submission")
Times = dict[str, list[float]]
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
    limits, fields = ("", 2 * WAITING, 2 * WAITING, 0, 10**9, 0), ("tool", "expensive_greet", "params", "{}")
    for start in range(0, WAITING, 1000):
        with site.redis.pipeline(transaction=False) as pipeline:
            for number in range(start, start + 1000):
                create(args=[f"{number:032x}", "", f"client {number // 20}", *limits, *fields], client=pipeline)
            pipeline.execute()
    assert site.redis.zcard("queue:celery") == WAITING  # else these are not the arguments of create.lua any more


def _visit(sites: Sequence[Installation], seconds: float) -> list[Times]:
    """Submit jobs at each site in turn, and poll the page of the newest one. Any status but 200 and 303 is an error."""
    taken: list[Times] = [{kind: [] for kind in KINDS} for _ in sites]
    with ExitStack() as stack:
        connections = [HTTPConnection("127.0.0.1", site.settings.web_port, 30) for site in sites]
        for connection in connections:
            stack.enter_context(closing(connection))

        def ask(site: int, kind: str, *request: Any) -> str:
            began = time.perf_counter()
            connections[site].request(*request)
            response = connections[site].getresponse()
            response.read()
            taken[site][kind].append(time.perf_counter() - began)
            assert response.status in (200, 303), response.status
            return response.headers.get("Location", "")

        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for site in range(len(sites)):
                job = ask(site, "submission", "POST", "/tools/expensive_greet", _FORM, _FORM_HEADERS)
                for _ in range(POLLS):
                    time.sleep(0.01)
                    ask(site, "poll", "GET", f"{job}/progress")
    return taken


def _p99(times: list[float]) -> float:
    return statistics.quantiles(times, n=100)[98] * 1e3


def _interval(long: list[float], short: list[float]) -> tuple[float, float]:
    """Return between what the ratio of two 99th percentiles is in 95 of 100 bootstrap samples."""
    dice, ratios = random.Random(1), []  # nosec B311
    starts = range(0, len(long), TOGETHER)
    for _ in range(RESAMPLES):
        drawn = dice.choices(starts, k=len(starts))
        first, second = ([one for at in drawn for one in times[at : at + TOGETHER]] for times in (long, short))
        ratios.append(_p99(first) / _p99(second))
    bounds = statistics.quantiles(ratios, n=40)
    return bounds[0], bounds[-1]


def lines() -> list[Line]:
    """Return the lines of the table."""
    with ExitStack() as stack:
        sites = [_site(stack), _site(stack)]
        _fill(sites[0])
        visitors = stack.enter_context(ThreadPoolExecutor(VISITORS))
        _visit(sites, 2)  # to warm up
        visits = [visitors.submit(_visit, sites, SECONDS) for _ in range(VISITORS)]
        taken = [visit.result() for visit in visits]
    found = []
    for kind in KINDS:
        long, short = ([one for times in taken for one in times[site][kind]] for site in (0, 1))
        figure = f"99 % of {len(long):,} {kind}s, {WAITING:,} waiting"
        beside = (
            f"an empty queue, {_p99(short):.1f} ms ({' to '.join(f'{ratio:.2f}' for ratio in _interval(long, short))})"
        )
        found.append(Line(figure, f"{_p99(long):.1f} ms", beside, _p99(long) / _p99(short), "<= 1.20"))
    return found


def main() -> None:
    """Print the 99th percentiles."""
    print_table(lines())


if __name__ == "__main__":
    main()
