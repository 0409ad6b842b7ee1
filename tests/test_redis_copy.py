"""`flask copy-redis`: the records move to another server and back."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from redis import Redis

from greeter import create_app
from tests.conftest import Installation, needs
from tests.servers import DURABLE, issue, make_authority, server, use


def copy_redis(site: Installation, source: str, *options: str) -> Result:
    """Run the command with the settings of an installation; the URL of the source is typed."""
    app = create_app(site.settings)
    return app.test_cli_runner().invoke(args=["copy-redis", *options], input=f"{source}\n")


def content(redis: Redis) -> dict[bytes, Any]:
    """Return all keys with their values, except those that expire."""
    found: dict[bytes, Any] = {}
    for key in redis.scan_iter():
        read: dict[bytes, Any] = {
            b"string": redis.get,
            b"hash": redis.hgetall,
            b"list": lambda key: redis.lrange(key, 0, -1),
            b"set": redis.smembers,
            b"zset": lambda key: redis.zrange(key, 0, -1, withscores=True),
        }
        if redis.ttl(key) < 0:
            found[key] = read[redis.type(key)](key)
    return found


@pytest.mark.slow
@needs("redis-server", "redis-server")
def test_records_move_to_an_older_redis_and_back(own_installation: Installation, tmp_path: Path) -> None:
    """It has TLS. Ended and waiting jobs are there afterwards, the waiting one runs there, and both come back."""
    site, embedded = own_installation, own_installation.settings.redis_url
    site.start("redis", "worker")
    ended = site.submit("expensive_greet", person="Ada", total=1)
    site.ended(ended)
    site.stop("worker")
    waiting = site.submit("expensive_greet", person="Bob", total=1)
    site.redis.set("token:x", "y", ex=100)
    before = content(site.redis)
    assert {site.redis.type(key) for key in before} == {b"string", b"hash", b"list", b"set", b"zset"}
    authority = make_authority(tmp_path, "ours")
    config = f"{DURABLE}requirepass secret\n{issue(authority, 'localhost')}"
    with server(tmp_path / "elsewhere", config, program="redis-server") as other:
        use(site, redis_url=f"rediss://:secret@localhost:{other.port}/0?ssl_ca_certs={authority}")
        copied = copy_redis(site, embedded)
        assert copied.exit_code == 0, copied.output
        assert f"Copied and compared {len(before) + 1} keys" in copied.output
        assert content(site.redis) == before
        assert 0 < site.redis.ttl("token:x") <= 100
        site.start("worker")
        assert site.ended(waiting).phase == "finished"
        site.stop("worker")
        after, elsewhere = content(site.redis), site.settings.redis_url
        use(site, redis_url=embedded)
        refused = copy_redis(site, elsewhere)
        assert (refused.exit_code, content(site.redis)) == (1, before)
        assert "The server in REDIS_URL has records" in refused.output
        assert copy_redis(site, elsewhere, "--replace").exit_code == 0
        assert content(site.redis) == after
    assert [site.store.find(job).phase for job in (ended, waiting)] == ["finished", "finished"]


@pytest.mark.slow
def test_a_source_that_changes_is_not_copied(with_redis: Installation, tmp_path: Path) -> None:
    """A worker that still runs is noticed by its heartbeats, and no part of a copy is left over."""
    site, source = with_redis, with_redis.settings.redis_url
    site.store.claim_installation("an id")
    jobs, stopped = site.jobs, threading.Event()

    def send_heartbeats() -> None:
        while not stopped.wait(0.1):  # more often than a worker: if the machine stalls, the copy misses some
            jobs.store.upkeep.worker_heartbeat("a worker", ["celery"], [], [])

    worker = threading.Thread(target=send_heartbeats)
    worker.start()
    try:
        with server(tmp_path / "elsewhere") as other:
            site.settings = dataclasses.replace(site.settings, redis_url=f"redis://127.0.0.1:{other.port}/0")
            refused = copy_redis(site, source)
            assert refused.exit_code == 1
            assert "Stop the web, all workers and Flower, and copy again." in refused.output
            assert other.redis.dbsize() == 0
    finally:
        stopped.set()
        worker.join()


@pytest.mark.redis
def test_what_cannot_be_copied_is_refused(with_redis: Installation, tmp_path: Path) -> None:
    """The same database, one that is not of a site, and servers or URLs that do not work. No record is lost before."""
    site, here = with_redis, with_redis.settings.redis_url
    with server(tmp_path / "elsewhere") as other:
        there = f"redis://127.0.0.1:{other.port}/0"
        site.redis.set("key", "value")
        empty = copy_redis(site, there, "--replace")
        assert (empty.exit_code, site.redis.get("key")) == (1, b"value")
        assert "The source server has no records of a site. Check the database number" in empty.output
        other.redis.set("installation", "an id")
        other.redis.xadd("stream", {"field": "value"})
        for source, problem in (
            (here, "Both URLs name the same database."),
            (there, "The database has a stream, which no site creates. Use the database of a site."),
            ("redis://127.0.0.1:1/0", "Check both URLs, and try again."),
            ("http://:secret@host", "The URL of the server to copy from should be like redis://"),
        ):
            refused = copy_redis(site, source, *([] if source == here else ["--replace"]))
            assert refused.exit_code == 1
            assert problem in refused.output.replace(source, "")
    assert copy_redis(site, here, "--replace").exit_code == 1
