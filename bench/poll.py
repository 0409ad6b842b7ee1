"""Benchmark of a poll against a Flask route that does one Redis GET.

    python -m bench.poll

Starts its own Redis and gunicorn. The same processes serve both, and the measurements alternate within one run.
"""

import logging
import statistics
import tempfile
import time
from http.client import HTTPConnection
from pathlib import Path

from flask import Flask

from greeter import create_app
from greeter.jobs.runner import Runner
from greeter.jobs.store import Submission
from greeter.web.services import services
from tests.conftest import PROCFILE, Installation

REQUESTS, ROUNDS = 300, 9


def application() -> Flask:
    """Create the application with the additional route /get."""
    app = create_app()
    logging.getLogger("greeter.request").disabled = True  # polls are not logged, so the GET should not be either

    @app.get("/get")
    def get() -> bytes:
        found: bytes = services().jobs.store.redis.get("bench")
        return found

    return app


def microseconds(connection: HTTPConnection, path: str, status: int, headers: dict[str, str]) -> float:
    """Send REQUESTS requests over one connection and return the mean time of one, in microseconds."""
    began = time.perf_counter()
    for _ in range(REQUESTS):
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        response.read()
        assert response.status == status, response.status
    return (time.perf_counter() - began) / REQUESTS * 1e6


def main() -> None:
    """Print the median time of each kind of request and its speed relative to the GET."""
    PROCFILE["web"] = "exec gunicorn bench.poll:application()"
    installation = Installation(Path(tempfile.mkdtemp()))
    try:
        installation.start("redis", "web")
        installation.redis.set("bench", b"x" * 300)
        store, job_id = installation.store, "a" * 32
        store.create(job_id, "expensive_greet", {"person": "Ada", "total": 9}, Submission())
        store.claim(job_id, Runner("worker", 1), {})
        store.report_progress(job_id, Runner("worker", 1), {"current": 3, "total": 9, "unit": "step"})
        # A job that runs for an hour shows whole minutes, so its page does not change during the benchmark.
        installation.redis.hincrbyfloat(f"job:{job_id}", "started", -3610)
        installation.redis.hincrbyfloat(f"job:{job_id}", "heartbeat_at", 3600)
        path = f"/jobs/{job_id}/progress"
        connection = HTTPConnection("127.0.0.1", installation.settings.web_port)
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        kinds = {
            "one GET": ("/get", 200, {}),
            "unchanged poll (304)": (path, 304, {"HX-PTag": response.headers["HX-PTag"]}),
            "full fragment": (path, 200, {}),
        }
        for kind in kinds.values():
            microseconds(connection, *kind)
        taken = [{name: microseconds(connection, *kind) for name, kind in kinds.items()} for _ in range(ROUNDS)]
        connection.close()
    finally:
        installation.close()
    medians = {name: statistics.median(one[name] for one in taken) for name in kinds}
    for name, cost in medians.items():
        print(f"{name:22} {cost:7.0f} us, {medians['one GET'] / cost:.2f} times the speed of one GET")


if __name__ == "__main__":
    main()
