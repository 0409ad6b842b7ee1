"""All benchmarks that compare, as one table: `make bench`. It takes at most half an hour."""

from __future__ import annotations

import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

import psutil

from bench import jobs, large_targets, long_queue, memory, phmmer, poll, track, viewers, waiting
from bench.support import deadline
from bench.support.table import print_table

PARTS = {
    poll: 300,
    viewers: 270,
    memory: 300,
    waiting: 60,
    long_queue: 300,
    jobs: 240,
    track: 30,
    phmmer: 120,
    large_targets: 180,
}
"""How many seconds each part may take: about three times what it takes on two free cores."""


def main() -> None:
    """Print the machine, the date and the table."""
    names = [line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name")]
    cpu = names[0] if names else platform.processor()
    print(f"{datetime.now(UTC):%-d %B %Y}, {psutil.cpu_count()} cores of {cpu}, Python {platform.python_version()}\n")
    lines = []
    for part, seconds in PARTS.items():
        print(f"measuring {part.__name__}, for up to {seconds} s ...", file=sys.stderr)
        lines += deadline.lines(part, seconds)
    print_table(lines)
    print(f"\nThe load of the machine in the last 15 minutes was {psutil.getloadavg()[2]:.1f}.")


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


if __name__ == "__main__":
    main()
