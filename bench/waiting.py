"""Benchmark of the memory that Redis needs for each waiting job, with everything that belongs to it.

    python -m bench.waiting

The jobs are greetings of 1,000 clients, submitted as the web does.
"""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

from bench.support.table import Line, print_table
from greeter.jobs.submission import Submission
from greeter.logs import REQUEST
from greeter.tools import load
from tests.conftest import Installation

JOBS = 4000


def _submit(installation: Installation, number: int) -> str:
    """Submit a greeting as the web does, and return its id."""
    REQUEST.set("0123456789ab")
    submission = Submission(client=f"2001:db8:{number % 1000:x}::/64", token=token_urlsafe(16))
    return installation.jobs.submit(load()["expensive_greet"], {"person": "Ada Lovelace", "total": 10}, submission)


def lines() -> list[Line]:
    """Return the line of the table."""
    with closing(Installation(Path(tempfile.mkdtemp()), max_waiting=2 * JOBS, min_free_bytes=0)) as installation:
        installation.start("redis")
        redis: Any = installation.redis
        redis.config_set("appendfsync", "no")
        _submit(installation, 0)
        before = redis.info("memory")["used_memory"]
        with ThreadPoolExecutor(4) as pool:
            jobs = list(pool.map(lambda number: _submit(installation, number), range(JOBS)))
        used = (redis.info("memory")["used_memory"] - before) / JOBS
        parts = f"of which the record {redis.memory_usage(f'job:{jobs[-1]}')}"
    return [Line("memory of Redis for a waiting job", f"{used:,.0f} bytes", parts, None, "<= 1,000 bytes")]


def main() -> None:
    """Print the memory."""
    print_table(lines())


if __name__ == "__main__":
    main()
