"""Benchmark of the memory of the whole stack: idle, after the first jobs of each tool, and after more of them.

    python -m bench.memory [JOBS]

Adds up the proportional set size (PSS) of all processes that the Procfile starts: pages that they share count once.
Each job's pages are opened, those of the first jobs by many visitors at once: a thread of the web needs memory for its
first page, whether of a first job or of a later one. The default is 600 more jobs, which take about three minutes.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from bench.support.servers import status_and_headers
from bench.support.stack import ALL, must_finish, processes, stack
from bench.support.table import Line, print_table
from greeter.tools.phmmer import EXAMPLES
from tests.conftest import Installation

JOBS = 600  # after the first ones: more than Flower keeps
_FIRST = 24  # after which each process has run each tool
_STEP = 120  # jobs after which the memory is printed
_VISITORS = 200  # at once, which all threads of the web have to serve
_TIMES = 10  # that they open each page

Memory = dict[str, float]
"""The PSS of each part in MiB."""


def _memory(installation: Installation) -> Memory:
    found = processes(installation, *ALL)
    return {name: sum(one.memory_full_info().pss for one in part) / 2**20 for name, part in found.items()}


def _parts(memory: Memory) -> str:
    return ", ".join(f"{name} {size:.0f}" for name, size in memory.items())


def _run_jobs(installation: Installation, number: int) -> list[str]:
    """Run jobs, of which a third greet and the others search, open their pages, and return the paths of these."""
    query, targets = ((EXAMPLES / name).read_bytes() for name in ("HBB_HUMAN.fa", "globins45.fa"))
    opened = []
    for _ in range(number // 3):
        search = {"query": query, "database": None, "targets": targets, "evalue": 10.0}
        jobs = [installation.submit("phmmer", **search) for _ in range(2)]
        jobs += [installation.submit("expensive_greet", person="Ada", total=1)]
        for job_id in jobs:
            must_finish(installation, job_id)
            for path in ("/", "/help", "/tools/phmmer", f"/jobs/{job_id}", f"/jobs/{job_id}/progress"):
                _open(installation, path)
                opened.append(path)
    return opened


def _open(installation: Installation, path: str) -> None:
    status, _ = status_and_headers(installation.settings.web_port, path)
    assert status == 200, (path, status)


def lines(number: int = JOBS) -> list[Line]:
    """Return the lines of the table.

    Args:
        number: How many jobs to run after the first ones.
    """
    with stack(*ALL) as installation:
        time.sleep(5)
        idle = _memory(installation)
        pages = _run_jobs(installation, _FIRST)
        with ThreadPoolExecutor(_VISITORS) as visitors:
            list(visitors.map(partial(_open, installation), pages * _TIMES))
        first = later = _memory(installation)
        for done in range(_STEP, number + 1, _STEP):
            _run_jobs(installation, _STEP)
            later = _memory(installation)
            print(f"after {done} more jobs: {sum(later.values()):.0f} MiB: {_parts(later)}", file=sys.stderr)
    return [
        Line("memory of the idle stack", f"{sum(idle.values()):.0f} MiB", _parts(idle), None, "<= 200 MiB"),
        Line(
            f"memory after {number} more jobs",
            f"{sum(later.values()):.0f} MiB",
            f"after the first jobs of each tool, {sum(first.values()):.0f} MiB",
            sum(later.values()) / sum(first.values()),
            "1.00",
        ),
    ]


def main() -> None:
    """Print the memory."""
    print_table(lines(int(sys.argv[1]) if len(sys.argv) > 1 else JOBS))


if __name__ == "__main__":
    main()
