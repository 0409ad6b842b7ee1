"""Benchmark of submissions by 20 clients at once, with the ways to have a job on the disk before it is accepted.

    python -m bench.submit

Starts its own Redis and gunicorn. The measurements alternate within one run. `DATA=/folder` chooses the disk.
"""

import os
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from flask import Flask

from greeter import create_app
from greeter.jobs.records.scripts import Scripts
from tests.conftest import PROCFILE, Installation

CLIENTS, SUBMISSIONS, ROUNDS = 20, 10, 12
WAYS = {"everysec": ("everysec", 0), "always": ("always", 0), "everysec + WAITAOF": ("everysec", 1)}
BODY = urlencode({"person": "Ada", "total": "1"})
HEADERS = {"Content-Type": "application/x-www-form-urlencoded"}


class WaitingScripts(Scripts):
    """Scripts that call WAITAOF after a job was created, while `bench` is 1 in Redis.

    Valkey 9.1 without replicas often replies to WAITAOF before the fsync, so its numbers are too good.
    """

    def run_confirmed(self, script: str, *args: Any) -> Any:
        """Run a script, and wait if it creates a job."""
        with self.redis.client() as connection:  # WAITAOF is about the writes of its own connection
            reply = self._scripts[script](args=args, client=connection)
            if script == "create" and connection.get("bench") == b"1":
                connection.execute_command("WAITAOF", 1, 0, 0)
        return reply


def application() -> Flask:
    """Create the application with the scripts that wait."""
    app = create_app()
    app.extensions["greeter"].jobs.store._scripts.__class__ = WaitingScripts
    return app


def submit(port: int) -> list[float]:
    """Submit jobs over one connection, and return how long each answer took, in milliseconds."""
    connection, taken = HTTPConnection("127.0.0.1", port), []
    for _ in range(SUBMISSIONS):
        began = time.perf_counter()
        connection.request("POST", "/tools/expensive_greet", BODY, HEADERS)
        response = connection.getresponse()
        response.read()
        taken.append((time.perf_counter() - began) * 1e3)
        assert response.status == 303, response.status
    connection.close()
    return taken


def main() -> None:
    """Print the median and the 99th percentile of a submission, and the submissions per second."""
    PROCFILE["web"] = "exec gunicorn bench.submit:application()"
    folder = Path(tempfile.mkdtemp(dir=os.environ.get("DATA")))
    installation = Installation(folder, max_waiting=1_000_000, max_active=1_000_000)
    taken: dict[str, list[float]] = {way: [] for way in WAYS}
    seconds = dict.fromkeys(WAYS, 0.0)
    try:
        installation.start("redis", "web")
        with ThreadPoolExecutor(CLIENTS) as clients:
            list(clients.map(submit, [installation.settings.web_port] * CLIENTS))
            for _ in range(ROUNDS):
                for way, (policy, wait) in WAYS.items():
                    installation.redis.config_set("appendfsync", policy)
                    installation.redis.set("bench", wait)
                    began = time.perf_counter()
                    for one in clients.map(submit, [installation.settings.web_port] * CLIENTS):
                        taken[way] += one
                    seconds[way] += time.perf_counter() - began
    finally:
        installation.close()
    print(f"{'':20} {'p50':>7} {'p99':>10} {'jobs/s':>7}")
    for way, times in taken.items():
        p99 = statistics.quantiles(times, n=100)[98]
        print(f"{way:20} {statistics.median(times):4.0f} ms {p99:7.0f} ms {len(times) / seconds[way]:7.0f}")


if __name__ == "__main__":
    main()
