"""Benchmark of the memory of the whole stack: idle, and after jobs of each tool.

    python -m bench.memory

Adds up the proportional set size (PSS) of all processes that the Procfile starts: pages that they share count once.
"""

from __future__ import annotations

import time

from bench.support.servers import status_and_headers
from bench.support.stack import ALL, processes, stack
from bench.support.table import Line, print_table
from greeter.tools.phmmer import EXAMPLES
from tests.conftest import Installation

JOBS = 60  # of each tool


def _memory(installation: Installation) -> dict[str, float]:
    """Return the PSS of each part in MiB."""
    found = processes(installation, *ALL)
    return {name: sum(one.memory_full_info().pss for one in part) / 2**20 for name, part in found.items()}


def _run_jobs(installation: Installation, number: int) -> None:
    """Run some jobs of each tool, two at a time, and open their pages."""
    query, targets = ((EXAMPLES / name).read_bytes() for name in ("HBB_HUMAN.fa", "globins45.fa"))
    for _ in range(number):
        jobs = [installation.submit("phmmer", query=query, targets=targets, evalue=10.0) for _ in range(2)]
        jobs += [installation.submit("expensive_greet", person="Ada", total=1)]
        for job_id in jobs:
            installation.ended(job_id)
            for path in ("/", "/help", "/tools/phmmer", f"/jobs/{job_id}", f"/jobs/{job_id}/progress"):
                status_and_headers(installation.settings.web_port, path)


def lines() -> list[Line]:
    """Return the lines of the table."""
    with stack(*ALL) as installation:
        time.sleep(5)
        idle = _memory(installation)
        _run_jobs(installation, 8)  # each process has run each tool
        first = _memory(installation)
        _run_jobs(installation, JOBS)
        later = _memory(installation)
    parts = ", ".join(f"{name} {size:.0f}" for name, size in idle.items())
    return [
        Line("memory of the idle stack", f"{sum(idle.values()):.0f} MiB", parts, None, "<= 200 MiB"),
        Line(
            f"memory after {3 * JOBS} more jobs",
            f"{sum(later.values()):.0f} MiB",
            f"after the first jobs of each tool, {sum(first.values()):.0f} MiB",
            sum(later.values()) / sum(first.values()),
            "1.00",
        ),
    ]


def main() -> None:
    """Print the memory."""
    print_table(lines())


if __name__ == "__main__":
    main()
