"""Tests of the metrics for Prometheus, and of their protection."""

import dataclasses
import re
import signal
import time
from pathlib import Path

import psutil
import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from greeter import create_app
from greeter.settings import Settings
from tests.conftest import PATIENCE, ROOT, Installation, free_port, small_disk, wait_for
from tests.http import fetch

TOKEN = "a token of sixteen or more"
LOGIN = {"Authorization": f"Bearer {TOKEN}"}


def test_metrics_are_404_without_a_configured_token(client: FlaskClient) -> None:
    """An Authorization header does not change that."""
    for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": "Bearer None"}):
        assert client.get("/metrics", headers=headers).status_code == 404


def test_metrics_require_the_token(tmp_path: Path) -> None:
    """Any other login gets 401; with the token, metrics are served even when Redis is down."""
    redis_url = f"redis://127.0.0.1:{free_port()}/0"
    client = create_app(Settings(data_dir=tmp_path, redis_url=redis_url, metrics_token=TOKEN)).test_client()
    for login in ("", "Bearer", f"Bearer {TOKEN} ", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", TOKEN, "Bearer \xe9"):
        refused = client.get("/metrics", headers={"Authorization": login})
        assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert "site_" not in refused.text
    shown = client.get("/metrics", headers=LOGIN)
    assert (shown.status_code, shown.headers["Cache-Control"]) == (200, "no-store")
    assert "site_redis_up 0.0" in shown.text
    assert "site_ready 0.0" in shown.text
    assert re.search("^site_disk_free_bytes [1-9]", shown.text, re.MULTILINE)
    assert 'site_request_seconds_count{route="/metrics",status="401"} 7.0' in shown.text


@pytest.mark.slow
def test_job_counts_survive_restarts_and_requests_count_in_every_process(own_installation: Installation) -> None:
    """Jobs are counted by tool and outcome, requests across web processes, and a poll makes one Redis call."""
    site = own_installation
    # A tool that returns what it has at its soft limit has time for it.
    site.settings = dataclasses.replace(site.settings, metrics_token=TOKEN, time_limit_grace=PATIENCE)

    def numbers() -> dict[str, float]:
        families = text_string_to_metric_families(fetch(site, "/metrics", **LOGIN).body)
        samples = [sample for family in families for sample in family.samples]
        return {" ".join([one.name.removeprefix("site_"), *one.labels.values()]): one.value for one in samples}

    site.start("redis", "worker", "web")
    began = time.monotonic()
    jobs = [site.submit("diary", seconds=1.2), site.submit("blame"), site.submit("yield_some"), site.submit("vanish")]
    cancelled = site.submit("diary", seconds=60.0)
    wait_for(lambda: site.store.find(cancelled).phase == "running")
    site.jobs.cancel(cancelled)
    for job in [*jobs, cancelled]:
        site.ended(job)
    site.stop("worker")
    site.jobs.cancel(site.submit("diary", seconds=1.0))
    waiting = site.submit("diary", seconds=1.0)

    for _ in range(30):
        fetch(site, f"/jobs/{waiting}/progress")
    web = psutil.Process(site.pid("web"))
    before = web.children()
    for process in before:
        process.terminate()
    wait_for(lambda: len([one for one in web.children() if one not in before]) == 2 and len(web.children()) == 2)
    seen = numbers()
    wait_for(lambda: len(list(folder_of(site).iterdir())) == 3)  # of two processes, and of all that have ended
    assert seen["request_seconds_count /jobs/<job_id:job_id>/progress 200"] == 30
    assert numbers()["request_seconds_count /metrics 200"] == 1
    assert (seen["jobs_waiting celery"], seen["jobs_running celery"], seen["redis_up"]) == (1, 0, 1)
    counted = {name: value for name, value in seen.items() if "ended_total" in name and value}
    ended = {name.removeprefix("jobs_ended_total "): value for name, value in counted.items()}
    expected = {"finished diary": 1, "cancelled diary": 2, "failed blame": 1, "stopped yield_some": 1}
    assert ended == expected | {"failed vanish": 1}
    assert seen["job_seconds_bucket 1 diary"] <= 1  # the cancelled one may have ended at once
    assert [seen[f"job_seconds_bucket {bound} diary"] for bound in ("3600", "+Inf")] == [2, 2]
    assert seen["job_seconds_count diary"] == 2
    assert 1.2 < seen["job_seconds_sum diary"] < 2 * (time.monotonic() - began)

    with site.redis.monitor() as monitor:
        site.redis.ping()
        fetch(site, f"/jobs/{waiting}/progress")
        site.redis.ping()
        asked: list[str] = []
        while asked.count("PING") < 2:
            command = monitor.next_command()
            asked += [command["command"].split()[0]] if command["client_type"] != "lua" else []
    others = {"HELLO", "AUTH", "CLIENT", "SELECT", "GET"}  # of new connections, and of a check of DATA_DIR now and then
    assert [one for one in asked if one not in others] == ["PING", "EVALSHA", "PING"]

    folder = folder_of(site)
    site.stop("web")
    assert not folder.exists()
    site.signal("redis", signal.SIGKILL)
    site.start("redis", "web")
    again = numbers()
    assert {name: again[name] for name in seen if re.match("job", name)} == {
        name: seen[name] for name in seen if re.match("job", name)
    }
    assert not [name for name in again if "request_seconds_count" in name]


def folder_of(site: Installation) -> Path:
    """Return the folder in which the web processes of an installation share their measurements."""
    (folder,) = Path("/dev/shm").glob(f"greeter-{site.settings.web_port}-*")
    return folder


@pytest.mark.slow
def test_the_site_answers_while_the_memory_for_metrics_is_full(
    own_installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without memory for shared metrics at the start or later, every request is still answered."""
    site = own_installation
    site.settings = dataclasses.replace(site.settings, metrics_token=TOKEN)
    with small_disk(tmp_path / "memory", "5m") as memory:
        (tmp_path / "gunicorn.conf.py").write_text(
            (ROOT / "gunicorn.conf.py").read_text().replace('"/dev/shm"', repr(str(memory)))
        )
        monkeypatch.setenv("GUNICORN_CMD_ARGS", f"--config {tmp_path / 'gunicorn.conf.py'} --max-requests 20")
        site.start("redis", "web")  # with room for one process
        assert {fetch(site, "/").status for _ in range(100)} == {200}
        assert "No memory for shared metrics" in site.log.read_text()
        assert {fetch(site, "/metrics", **LOGIN).status for _ in range(20)} == {200}
        site.stop("web")
        (memory / "fill").write_bytes(bytes(5 * 2**20 - 4096))
        site.start("web")
        assert {fetch(site, "/").status for _ in range(60)} == {200}
        assert {fetch(site, "/metrics", **LOGIN).status for _ in range(20)} == {200}
        site.stop("web")
