"""Tests of the limits for each client and for all together, and of a Redis that is full."""

import dataclasses
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from greeter import create_app
from greeter.jobs.runner import Runner
from greeter.settings import Settings
from greeter.web.limits import client_address as name_of_client
from greeter.web.services import services
from tests.conftest import Installation, free_port
from tests.http import fetch, post, submit
from tests.servers import use


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("fe80::1%eth0", "fe80::/64"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("[2001:db8:1:2::3]:4711", "2001:db8:1:2::/64"),
        ("[2001:db8", "unknown"),
        ("_hidden", "unknown"),
        ("", "unknown"),
    ],
)
def test_clients_are_identified_by_ipv4_address_or_ipv6_network(app: Flask, address: str, client: str) -> None:
    """All addresses of an IPv6 /64 network count as one client, because one customer controls them all."""
    with app.test_request_context(environ_base={"REMOTE_ADDR": address}):
        assert name_of_client() == client


@pytest.fixture
def one_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the clock, because each minute has a counter of its own."""
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)


@pytest.mark.usefixtures("one_minute")
def test_too_many_requests_from_one_client_get_429(tmp_path: Path) -> None:
    """Pages, files and missing pages all count, the wait is at most a minute, and other clients are not affected."""
    redis_url = f"redis://127.0.0.1:{free_port()}/0"
    visitor = create_app(Settings(data_dir=tmp_path, redis_url=redis_url, requests_per_minute=4)).test_client()
    for path in ("/", "/nowhere", "/tools/phmmer", f"/jobs/{'0' * 32}"):
        assert visitor.get(path).status_code in (200, 404, 503)
    for path in ("/", f"/jobs/{'0' * 32}/progress"):
        refused = visitor.get(path)
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "60")
        assert "Wait a minute, then reload this page." in refused.text
        assert "http-equiv" not in refused.text
    assert '<meta http-equiv="refresh" content="15">' in visitor.get(f"/jobs/{'0' * 32}").text
    assert visitor.get("/", environ_base={"REMOTE_ADDR": "203.0.113.9"}).status_code == 200


@pytest.mark.usefixtures("one_minute")
def test_forged_client_addresses_do_not_evade_the_limit(tmp_path: Path) -> None:
    """Without a proxy, the header is ignored; behind one, only the address that the proxy adds counts."""
    for hops, last in ((0, 429), (1, 200)):
        app = create_app(Settings(data_dir=tmp_path, proxy_hops=hops, requests_per_minute=1))
        forged = [{"X-Forwarded-For": f"203.0.113.{number}"} for number in range(2)]
        assert [app.test_client().get("/", headers=headers).status_code for headers in forged] == [200, last]
        assert app.test_client().get("/", headers={"X-Forwarded-For": "8.8.8.8, 203.0.113.1"}).status_code == 429


@pytest.mark.usefixtures("one_minute")
def test_submissions_are_limited_even_without_redis(tmp_path: Path) -> None:
    """Each process counts on its own, so that an outage cannot be exploited."""
    redis_url = f"redis://127.0.0.1:{free_port()}/0"
    visitor = create_app(Settings(data_dir=tmp_path, redis_url=redis_url, submits_per_minute=2)).test_client()
    entered = {"person": "Ada", "total": "5"}
    statuses = [visitor.post("/tools/expensive_greet", data=entered).status_code for _ in range(3)]
    assert statuses == [503, 503, 429]


@pytest.mark.usefixtures("one_minute")
def test_counting_a_submission_writes_nothing_to_the_disk(own_installation: Installation) -> None:
    """Otherwise each submission would wait for the disk once more. The count ends with its minute."""
    own_installation.start("redis")
    redis: Any = own_installation.redis
    app = create_app(own_installation.settings)
    before = redis.info("persistence")["aof_current_size"]
    with app.test_request_context():
        for _ in range(3):
            services().limits.count_submission()
        assert services().limits.submissions() == 3
    assert redis.info("persistence")["aof_current_size"] == before
    assert 0 < redis.ttl(redis.keys("limits*")[0]) <= 60


@pytest.mark.slow
def test_too_many_submissions_from_one_client_get_429(own_installation: Installation) -> None:
    """The limit applies across web processes and keeps the input; polls, with at most one Redis call, are not."""
    own_installation.settings = dataclasses.replace(own_installation.settings, submits_per_minute=4)
    own_installation.start("redis", "web")
    first_minute, more = int(time.time() / 60), 0
    jobs = [submit(own_installation, "expensive_greet", person="Ada", total="1") for _ in range(3)]
    post(own_installation, jobs[0] + "/cancel")
    assert post(own_installation, jobs[0] + "/again").status == 303
    for path, fields in (("/tools/expensive_greet", {"person": "Grace", "total": "7"}), (jobs[0] + "/again", {})):
        while (refused := post(own_installation, path, **fields)).status == 303:  # another minute has started
            more += 1
        assert (refused.status, refused.headers["Retry-After"]) == (429, "60")
        assert f'value="{fields.get("person", "Ada")}"' in refused.body
        assert "wait a minute, then submit it again" in refused.body
    assert 4 + more <= 4 * (1 + int(time.time() / 60) - first_minute)
    assert own_installation.redis.zcard("queue:celery") == 3 + more
    own_installation.redis.config_resetstat()
    began = time.monotonic()
    assert [fetch(own_installation, jobs[1] + "/progress").status for _ in range(10)] == [200] * 10
    asked = own_installation.redis.info("commandstats")
    assert asked["cmdstat_evalsha"]["calls"] <= 10
    assert not asked.keys() & {"cmdstat_incrby", "cmdstat_ping"}
    of_folder_checks = 2 * (1 + (time.monotonic() - began) / 2)  # which both web processes repeat every two seconds
    assert asked.get("cmdstat_get", {"calls": 0})["calls"] <= of_folder_checks


def test_a_clock_that_is_set_back_does_not_lock_clients_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every minute has a counter of its own."""
    redis_url = f"redis://127.0.0.1:{free_port()}/0"
    visitor = create_app(Settings(data_dir=tmp_path, redis_url=redis_url, requests_per_minute=2)).test_client()
    now = time.time()
    for offset in (86_400, 0, 60):
        monkeypatch.setattr(time, "time", lambda offset=offset: now + offset)
        assert [visitor.get("/").status_code for _ in range(3)] == [200, 200, 429]


@pytest.mark.redis
@pytest.mark.usefixtures("one_minute")
def test_the_api_says_how_many_requests_are_left(with_redis: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each request takes one, and the next minute starts with all but the one that asks."""
    visitor = visitor_of(with_redis, requests_per_minute=10)
    visitor.get("/help")

    def left() -> int:
        limit: dict[str, int] = visitor.get("/api/v1/limits").get_json()["requestsPerMinute"]
        assert limit["limit"] == 10
        return limit["left"]

    assert [left(), left()] == [8, 7]
    later = time.time() + 60
    monkeypatch.setattr(time, "time", lambda: later)
    assert left() == 9


def visitor_of(site: Installation, **limits: Any) -> FlaskClient:
    """Return a visitor of a site with these limits."""
    return create_app(dataclasses.replace(site.settings, **limits)).test_client()


@pytest.mark.redis
def test_job_limits_apply_to_each_visitor_and_to_the_queue(with_redis: Installation) -> None:
    """Too many jobs of one visitor give 429 and a full queue 503, both with the input; a missing worker is shown."""
    visitor = visitor_of(with_redis, max_active=2, max_waiting=2)

    def greet(person: str, total: str = "1") -> TestResponse:
        return visitor.post("/tools/expensive_greet", data={"person": person, "total": total, "label": "mine"})

    jobs = [greet(f"P{number}").headers["Location"] for number in range(2)]
    page = visitor.get(jobs[1]).text
    assert "1 job ahead of you" in page
    assert "No worker for this job is running at the moment" in page
    full = greet("Grace", "7")
    assert (full.status_code, full.headers["Retry-After"]) == (503, "300")
    for kept in ('value="Grace"', 'value="7"', 'value="mine"', "The queue is full"):
        assert kept in full.text
    visitor.post(jobs[0] + "/cancel")
    with_redis.store.runs.claim(jobs[1].removeprefix("/jobs/"), Runner("worker", 1), {})
    assert greet("P3").status_code == 303
    busy = greet("Grace", "7")
    assert (busy.status_code, busy.headers["Retry-After"]) == (429, "60")
    assert 'value="Grace"' in busy.text


@pytest.mark.redis
def test_bytes_over_a_limit_are_refused_with_instructions(with_redis: Installation) -> None:
    """The input is kept, and deleting a job makes room."""
    visitor = visitor_of(with_redis, max_client_bytes=21_000)
    first, second = ({"query": f">{name}\n{'MKVLA' * 15}", "evalue": "7.5"} for name in "ab")
    job = visitor.post("/tools/phmmer", data=first).headers["Location"]
    refused = visitor.post("/tools/phmmer", data=second)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "3600")
    assert "delete jobs that you no longer need" in refused.text
    assert "MKVLA" in refused.text
    visitor.post(job + "/cancel")
    assert visitor.post("/tools/phmmer", data=second).status_code == 303


@pytest.mark.slow
@pytest.mark.unmeasured
def test_submissions_at_the_same_moment_do_not_displace_each_other(own_installation: Installation) -> None:
    """Although their uploads together exceed the limit. Those that are refused leave only their input."""
    site = own_installation
    use(site, max_client_bytes=1_500_000)
    site.start("redis", "web")
    targets = "".join(f">{number}\n{'MKVLA' * 200}\n" for number in range(500))  # half a MB
    fields = {"query": ">one\nMKVLAMKVLA", "targets": targets, "evalue": "7.5"}
    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda _: post(site, "/tools/phmmer", **fields), range(8)))
    assert sorted(answer.status for answer in answers) == [303] * 2 + [429] * 6
    jobs = {answer.headers["Location"].removeprefix("/jobs/") for answer in answers if answer.status == 303}
    assert {path.name for path in site.store.files.root.glob("[!.]*")} == jobs
    assert 1_000_000 < site.store.usage("127.0.0.1").client_bytes < 1_500_000
    assert all("upload/" in answer.body for answer in answers if answer.status == 429)


@pytest.mark.redis
def test_a_full_redis_refuses_submissions_and_keeps_the_input(with_redis: Installation) -> None:
    """Accepted jobs stay visible, and a refused submission leaves no data behind."""
    visitor = visitor_of(with_redis)
    job = visitor.post("/tools/expensive_greet", data={"person": "Ada", "total": "1"}).headers["Location"]
    with_redis.redis.config_set("maxmemory", "1mb")
    refused = visitor.post("/tools/expensive_greet", data={"person": "Grace", "total": "7", "label": "mine"})
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    for kept in ('value="Grace"', 'value="7"', 'value="mine"', "submit it again"):
        assert kept in refused.text
    assert "Your job is next" in visitor.get(job).text
    assert [path.name for path in (with_redis.settings.data_dir / "jobs").glob("[!.]*")] == [job[6:]]
    assert visitor.post(job + "/cancel").status_code == 303
    assert "This job was cancelled" in visitor.get(job).text
