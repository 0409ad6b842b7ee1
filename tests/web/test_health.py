"""Tests of the health endpoints while Redis and the worker stop and start."""

import dataclasses
import json
import signal
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from greeter import create_app
from greeter.jobs.errors import StorageFull
from greeter.jobs.recovery.sweeper import Sweeper
from greeter.settings import Settings
from greeter.tools import load
from tests.conftest import Installation, free_port, wait_for
from tests.http import fetch


def test_liveness_does_not_depend_on_redis(client: FlaskClient) -> None:
    """Without Redis, the process is alive but not ready, because restarting it would not help."""
    live = client.get("/health/live")
    assert (live.status_code, live.json, live.headers["Cache-Control"]) == (200, {"status": "ok"}, "no-store")
    ready = client.get("/health/ready")
    assert (ready.status_code, ready.json["status"], ready.headers["Cache-Control"]) == (503, "unavailable", "no-store")
    assert "Redis does not answer" in ready.json["reason"]


def test_readiness_requires_disk_space(tmp_path: Path) -> None:
    """With less than MIN_FREE_BYTES free, the reason is the disk."""
    settings = Settings(data_dir=tmp_path, redis_url=f"redis://127.0.0.1:{free_port()}/0", min_free_bytes=2**60)
    ready = create_app(settings).test_client().get("/health/ready")
    assert (ready.status_code, "MIN_FREE_BYTES" in ready.json["reason"]) == (503, True)


def test_readiness_survives_a_folder_that_cannot_be_read(tmp_path: Path) -> None:
    """The answer has a reason, as for any other problem."""
    settings = Settings(data_dir=tmp_path / ("a" * 300), redis_url=f"redis://127.0.0.1:{free_port()}/0")
    assert create_app(settings).test_client().get("/health/ready").status_code == 503


@pytest.mark.redis
@pytest.mark.parametrize(
    ("setting", "value", "problem"),
    [
        ("appendfsync", "everysec", "appendfsync everysec"),
        ("appendonly", "no", "appendonly off"),
        ("maxmemory-policy", "allkeys-lru", "maxmemory-policy is allkeys-lru"),
    ],
)
def test_a_redis_whose_configuration_becomes_unsafe_is_reported(
    with_redis: Installation, caplog: pytest.LogCaptureFixture, setting: str, value: str, problem: str
) -> None:
    """By readiness, the metrics and the log of a worker, while everything runs, because no restart would notice."""
    with_redis.redis.config_set("appendfsync", "always")  # as that of an installation, unlike that of the tests
    token = "a token of sixteen or more"
    client = create_app(dataclasses.replace(with_redis.settings, metrics_token=token)).test_client()
    sweeper = Sweeper(with_redis.jobs, "this", {tool.queue for tool in load().values()})

    def seen() -> tuple[str, bool, bool]:
        sweeper._next_sweep = 0
        caplog.clear()
        sweeper.run()
        sweeper.run()
        ready = client.get("/health/ready")
        assert ready.status_code == 200
        metrics = client.get("/metrics", headers={"Authorization": f"Bearer {token}"}).text
        return ready.json.get("notice", ""), "site_redis_safe 1.0" in metrics, "may lose jobs" in caplog.text

    assert not with_redis.jobs.fitness.problem()
    assert seen() == ("", True, False)
    before = str(with_redis.redis.config_get(setting)[setting])
    with_redis.redis.config_set(setting, value)
    notice, is_safe, is_logged = seen()
    assert problem in notice
    assert notice.endswith("as docs/redis.md describes.")
    assert (is_safe, is_logged) == (False, True)
    with_redis.redis.config_set(setting, before)
    assert seen() == ("", True, False)


@pytest.mark.redis
def test_a_tool_is_named_whose_workers_take_no_jobs(with_redis: Installation) -> None:
    """With the reason, by readiness and on the pages of its jobs, although another worker takes jobs of its queue."""
    store, client, tools = with_redis.store, create_app(with_redis.settings).test_client(), load()
    queues = {tool.queue for tool in tools.values()}
    page = f"/jobs/{with_redis.submit('nap')}"
    nap = tools["nap"].signature

    def seen() -> tuple[str, bool]:
        ready = client.get("/health/ready").json.get("reason", "")
        return ready, "No worker for this job is running" in client.get(page).text

    store.upkeep.worker_heartbeat("other", queues, [], [])
    store.upkeep.worker_heartbeat("owner", queues, [nap], [])
    assert seen() == ("", False)
    store.redis.zincrby("workers:tools", -60, nap)
    store.upkeep.worker_heartbeat("owner", [], [nap], [], "DATA_DIR is gone.")
    assert seen() == ("The workers that have these tools take no jobs: nap. DATA_DIR is gone.", True)
    store.upkeep.worker_heartbeat("owner", [], [nap], [])
    assert seen() == ("The workers that have these tools take no jobs: nap. They are drained: start another one.", True)


@pytest.mark.redis
def test_a_tool_is_named_that_no_worker_has(with_redis: Installation) -> None:
    """As when the web was updated before the workers: all other tools work."""
    store, client, tools = with_redis.store, create_app(with_redis.settings).test_client(), load()
    announced = [name for tool in tools.values() for name in (tool.name, tool.signature)]
    queues = {tool.queue for tool in tools.values()}
    store.upkeep.worker_heartbeat("worker", queues, [name for name in announced if not name.startswith("nap")], [])
    answer = client.get("/health/ready")
    assert (answer.status_code, "so their jobs will fail: nap." in answer.text) == (200, True)
    store.upkeep.worker_heartbeat("worker", queues, announced, [])
    assert "will fail" not in client.get("/health/ready").text


@pytest.mark.redis
def test_a_tool_is_named_whose_workers_have_other_parameters(with_redis: Installation) -> None:
    """As when the web was updated before the workers, and the tool has a new field: its jobs will fail."""
    store, client, tools = with_redis.store, create_app(with_redis.settings).test_client(), load()
    announced = [name for tool in tools.values() for name in (tool.name, tool.signature)]
    announced[announced.index(tools["mafft"].signature)] = "mafft old"
    store.upkeep.worker_heartbeat("worker", {tool.queue for tool in tools.values()}, announced, [])
    assert "so their jobs will fail: mafft." in client.get("/health/ready").text


@pytest.mark.redis
def test_the_page_of_a_job_says_that_no_worker_has_its_tool(with_redis: Installation) -> None:
    """Although a worker takes jobs of its queue."""
    store, client, tools = with_redis.store, create_app(with_redis.settings).test_client(), load()
    page, queues = f"/jobs/{with_redis.submit('nap')}", {tool.queue for tool in tools.values()}
    store.upkeep.worker_heartbeat("worker", queues, [tools["phmmer"].signature], [])
    assert "No worker for this job is running" in client.get(page).text
    store.upkeep.worker_heartbeat("worker", queues, [tools["nap"].signature], [])
    assert "No worker for this job is running" not in client.get(page).text


@pytest.mark.redis
def test_a_site_whose_jobs_leave_no_room_for_another_is_not_ready(with_redis: Installation) -> None:
    """They take less than MAX_TOTAL_BYTES, because it has refused a job that would have exceeded it."""
    store, settings = with_redis.store, with_redis.settings
    client = create_app(settings).test_client()
    store.upkeep.worker_heartbeat("worker", {tool.queue for tool in load().values()}, [], [])
    assert client.get("/health/ready").status_code == 200
    store.redis.hset("bytes", "all", settings.max_total_bytes - 1)
    with pytest.raises(StorageFull):
        with_redis.submit("nap")
    answer = client.get("/health/ready")
    assert (answer.status_code, "MAX_TOTAL_BYTES" in answer.text) == (503, True)


@pytest.mark.slow
def test_readiness_requires_a_worker_and_a_writable_redis(
    own_installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readiness needs a worker and a Redis that accepts writes; otherwise the answer has the reason."""

    def reason() -> str:
        answer = fetch(own_installation, "/health/ready")
        body = json.loads(answer.body)
        assert (answer.status, body["status"]) == ((503, "unavailable") if "reason" in body else (200, "ok"))
        return body.get("reason", "")

    monkeypatch.delenv("_REDIS_SECONDS")
    own_installation.start("redis", "web")
    wait_for(lambda: "No worker has sent a heartbeat recently" in reason())
    own_installation.start("worker")
    wait_for(lambda: reason() == "")
    own_installation.redis.config_set("maxmemory", "1mb")
    wait_for(lambda: "refuses writes (OutOfMemoryError)" in reason())
    own_installation.redis.config_set("maxmemory", 0)
    own_installation.signal("redis", signal.SIGSTOP)
    assert "Redis does not answer" in reason()
    assert fetch(own_installation, "/health/live").status == 200
    own_installation.signal("redis", signal.SIGCONT)
    wait_for(lambda: reason() == "")
    own_installation.signal("redis", signal.SIGKILL)
    assert "Redis does not answer" in reason()
    own_installation.start("redis")
    wait_for(lambda: reason() == "")
    own_installation.signal("worker", signal.SIGKILL)
    wait_for(lambda: "No worker" in reason())
