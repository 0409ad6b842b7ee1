"""How often one client may ask."""

import dataclasses
from pathlib import Path

import pytest
from flask import Flask

from greeter import create_app
from greeter.settings import Settings
from greeter.web.limits import client_address as name_of_client
from tests.conftest import Installation, free_port
from tests.web.test_jobs import ask, post, submit


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("fe80::1%eth0", "fe80::/64"),
        ("_hidden", "unknown"),
        ("", "unknown"),
    ],
)
def test_a_client_is_an_address_or_the_network_of_one_customer(app: Flask, address: str, client: str) -> None:
    """Who has a /64 has more addresses than anybody can count."""
    with app.test_request_context(environ_base={"REMOTE_ADDR": address}):
        assert name_of_client() == client


def test_one_client_that_asks_too_often_waits(tmp_path: Path) -> None:
    """For a minute at most, and nobody else with it; each page and file counts, and what is not there."""
    redis_url = f"redis://127.0.0.1:{free_port()}/0"
    visitor = create_app(Settings(data_dir=tmp_path, redis_url=redis_url, requests_per_minute=4)).test_client()
    for path in ("/", "/nowhere", "/tools/phmmer", f"/jobs/{'0' * 32}"):
        assert visitor.get(path).status_code in (200, 404, 503)
    for path in ("/", f"/jobs/{'0' * 32}/progress"):
        refused = visitor.get(path)
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "60")
        assert "Wait a minute, then reload this page." in refused.text
    assert visitor.get("/", environ_base={"REMOTE_ADDR": "203.0.113.9"}).status_code == 200


def test_a_forged_address_is_nobody_else(tmp_path: Path) -> None:
    """Without a proxy; behind one, the address that it adds counts."""
    for hops, last in ((0, 429), (1, 200)):
        app = create_app(Settings(data_dir=tmp_path, proxy_hops=hops, requests_per_minute=1))
        forged = [{"X-Forwarded-For": f"203.0.113.{number}"} for number in range(2)]
        assert [app.test_client().get("/", headers=headers).status_code for headers in forged] == [200, last]
        assert app.test_client().get("/", headers={"X-Forwarded-For": "8.8.8.8, 203.0.113.1"}).status_code == 429


def test_25_without_redis_submissions_are_counted_all_the_same(tmp_path: Path) -> None:
    """In the process, so that nobody can use the outage."""
    redis_url = f"redis://127.0.0.1:{free_port()}/0"
    visitor = create_app(Settings(data_dir=tmp_path, redis_url=redis_url, submits_per_minute=2)).test_client()
    entered = {"person": "Ada", "total": "5"}
    statuses = [visitor.post("/tools/expensive_greet", data=entered).status_code for _ in range(3)]
    assert statuses == [503, 503, 429]


@pytest.mark.slow
def test_25_one_client_that_submits_too_often_waits(own_installation: Installation) -> None:
    """With all that was entered; every process of the web knows, and polls, which ask Redis once, go on."""
    own_installation.settings = dataclasses.replace(own_installation.settings, submits_per_minute=4)
    own_installation.start("redis", "web")
    jobs = [submit(own_installation, "expensive_greet", person="Ada", total="1") for _ in range(3)]
    post(own_installation, jobs[0] + "/cancel")
    assert post(own_installation, jobs[0] + "/again").status == 303
    for path, fields in (("/tools/expensive_greet", {"person": "Grace", "total": "7"}), (jobs[0] + "/again", {})):
        refused = post(own_installation, path, **fields)
        assert (refused.status, refused.headers["Retry-After"]) == (429, "60")
        assert f'value="{fields.get("person", "Ada")}"' in refused.body
        assert "wait a minute, then submit it again" in refused.body
    assert own_installation.redis.zcard("jobs:waiting") == 3
    own_installation.redis.config_resetstat()
    assert [ask(own_installation, jobs[1] + "/progress").status for _ in range(10)] == [200] * 10
    asked = own_installation.redis.info("commandstats")
    assert asked["cmdstat_evalsha"]["calls"] == 10
    assert not asked.keys() & {"cmdstat_incrby", "cmdstat_get", "cmdstat_ping"}
