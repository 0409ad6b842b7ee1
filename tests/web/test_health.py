"""What a monitor hears while Redis and the worker come and go."""

import json
import signal
import time

import pytest
from flask.testing import FlaskClient

from tests.conftest import Installation, wait_for
from tests.web.test_jobs import ask


def test_a_process_that_answers_is_alive(client: FlaskClient) -> None:
    """Whatever becomes of Redis, for which starting the process again would do nothing."""
    live = client.get("/health/live")
    assert (live.status_code, live.json, live.headers["Cache-Control"]) == (200, {"status": "ok"}, "no-store")
    ready = client.get("/health/ready")
    assert (ready.status_code, ready.json["status"], ready.headers["Cache-Control"]) == (503, "unavailable", "no-store")
    assert "Redis does not answer" in ready.json["reason"]


@pytest.mark.slow
def test_ready_means_that_a_job_would_run(own_installation: Installation) -> None:
    """A worker, and a Redis that answers and takes writes; otherwise the reason, within two seconds."""

    def reason() -> str:
        began = time.monotonic()
        answer = ask(own_installation, "/health/ready")
        assert time.monotonic() - began < 2
        said = json.loads(answer.body)
        assert (answer.status, said["status"]) == ((503, "unavailable") if "reason" in said else (200, "ok"))
        return said.get("reason", "")

    own_installation.start("redis", "web")
    assert "No worker has sent a heartbeat recently" in reason()
    own_installation.start("worker")
    wait_for(lambda: reason() == "")
    own_installation.redis.config_set("maxmemory", "1mb")
    assert "refuses writes (OutOfMemoryError)" in reason()
    own_installation.redis.config_set("maxmemory", 0)
    own_installation.signal("redis", signal.SIGSTOP)
    assert "Redis does not answer" in reason()
    assert ask(own_installation, "/health/live").status == 200
    own_installation.signal("redis", signal.SIGCONT)
    wait_for(lambda: reason() == "")
    own_installation.signal("redis", signal.SIGKILL)
    assert "Redis does not answer" in reason()
    own_installation.start("redis")
    wait_for(lambda: reason() == "")
    own_installation.signal("worker", signal.SIGKILL)
    wait_for(lambda: "No worker" in reason())
