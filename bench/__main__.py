"""All benchmarks that compare, as one table: `make bench`."""

from __future__ import annotations

import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

import psutil

from bench import jobs, long_queue, memory, phmmer, poll, track, viewers, waiting
from bench.support.table import print_table


def main() -> None:
    """Print the machine, the date and the table."""
    names = [line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name")]
    cpu = names[0] if names else platform.processor()
    print(f"{datetime.now(UTC):%-d %B %Y}, {psutil.cpu_count()} cores of {cpu}, Python {platform.python_version()}\n")
    lines = []
    for part in (poll, viewers, memory, waiting, long_queue, jobs, track, phmmer):
        print(f"measuring {part.__name__} ...", file=sys.stderr)
        lines += part.lines()
    print_table(lines)
    print(f"\nThe load of the machine in the last 15 minutes was {psutil.getloadavg()[2]:.1f}.")


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


if __name__ == "__main__":
    main()
