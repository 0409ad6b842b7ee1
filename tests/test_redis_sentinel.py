"""Redis Sentinel: failovers while jobs are submitted and run, and what is refused at the start."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from redis import TimeoutError as RedisTimeoutError

from greeter.jobs.errors import UNAVAILABLE
from greeter.jobs.records import redis_check, scripts
from greeter.jobs.worker.celery_app import CeleryApp
from greeter.settings import Settings
from tests.conftest import Installation, needs, wait_for
from tests.http import submit
from tests.servers import Server, documented, issue, make_authority, server, use
from tests.test_durability import Visitor, ended
from tests.test_redis_tls import flower_page

SERVER = documented("redis.conf") + documented("redis.conf of a group") + "repl-diskless-sync-delay 0\n"
SENTINEL = documented("sentinel.conf").replace("10000", "2000").replace("60000", "5000")
NAMES = {"PASSWORD": "secret", "NAME": "ours", "HOST": "127.0.0.1"}
# A replica is promoted only if its offset was read less than five pings ago, so after the primary was lost.
# A sentinel does nothing for half a minute after it was suspended for two seconds, as it is on a busy machine.
FASTER = ("PING-PERIOD", 200, "INFO-PERIOD", 200, "ASK-PERIOD", 200, "PUBLISH-PERIOD", 200, "TILT-PERIOD", 1000)


class Group:
    """A primary with two replicas, and three sentinels."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        def run(name: str, config: str, options: str = "") -> Server:
            for placeholder, value in NAMES.items():
                config = config.replace(placeholder, value)
            return stack.enter_context(server(folder / name, config, options=options))

        self.servers = [run("primary", SERVER)]
        follow = f"{SERVER}replicaof 127.0.0.1 {self.servers[0].port}\n"
        self.servers += [run(f"replica-{number}", follow) for number in range(2)]
        wait_for(lambda: self.servers[0].redis.info("replication").get("min_slaves_good_slaves") == 2)
        config = "requirepass hush\nsentinel sentinel-pass hush\n" + SENTINEL.replace("PORT", str(self.servers[0].port))
        self.sentinels = [run(f"sentinel-{number}", config, "--sentinel") for number in range(3)]
        for sentinel in self.sentinels:
            sentinel.redis.execute_command("SENTINEL DEBUG", *FASTER)
        wait_for(lambda: all((state["num-slaves"], state["num-other-sentinels"]) == (2, 2) for state in self.states()))

    def states(self) -> list[dict[str, Any]]:
        """Return what each sentinel knows."""
        replies: list[Any] = [sentinel.redis.sentinel_masters() for sentinel in self.sentinels]
        return [reply["ours"] for reply in replies]

    @property
    def url(self) -> str:
        """The REDIS_URL of an installation that uses this group."""
        nodes = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"sentinel://:secret@{nodes}/0?service=ours&sentinel_password=hush"

    def primary(self) -> int:
        """Return the port of the primary that the first sentinel names."""
        return int(self.states()[0]["port"])


@pytest.fixture
def group(tmp_path: Path) -> Iterator[Group]:
    """Start the servers."""
    with ExitStack() as stack:
        yield Group(tmp_path / "group", stack)


@pytest.mark.slow
@pytest.mark.parametrize("loss", [signal.SIGKILL, signal.SIGSTOP])
def test_a_failover_loses_nothing_that_was_accepted(
    own_installation: Installation, group: Group, monkeypatch: pytest.MonkeyPatch, loss: signal.Signals
) -> None:
    """The web and the worker find the new primary; accepted jobs end, and the running one is not restarted."""
    monkeypatch.delenv("_REDIS_SECONDS")
    site, lost = own_installation, group.servers[0]
    use(site, redis_url=group.url, confirm_replicas=1)
    site.start("worker", "web", "flower")
    running = submit(site, "diary", seconds="8").rpartition("/")[2]
    wait_for(lambda: site.store.find(running).phase == "running")
    site.redis.lpush("celery", "not a message")
    wait_for(lambda: "dropped a malformed message" in site.log.read_text())
    visitors = [Visitor(site) for _ in range(2)]
    for visitor in visitors:
        visitor.start()
    try:
        wait_for(lambda: sum(len(visitor.accepted) for visitor in visitors) > 5)
        before = sum(len(visitor.accepted) for visitor in visitors)
        lost.send_signal(loss)
        wait_for(lambda: group.primary() != lost.port)
        after = sum(len(visitor.accepted) for visitor in visitors)
        wait_for(lambda: sum(len(visitor.accepted) for visitor in visitors) > after + 5)
    finally:
        lost.send_signal(signal.SIGCONT)
        time.sleep(1)  # in which the former primary, if it was only suspended, may get requests
        for visitor in visitors:
            visitor.stopped.set()
            visitor.join()
    accepted = [job for visitor in visitors for job in visitor.accepted]
    shown = {job: phase for visitor in visitors for job, phase in visitor.ended.items()}
    print(f"{before} accepted before, {after - before} in between, {len(accepted) - after} after; {len(shown)} shown")
    for job in accepted:
        assert wait_for(partial(ended, site, job), 120) == {job: "finished"}
    assert set(shown.values()) <= {"finished"}
    record = site.ended(running)
    assert (record.phase, record.attempts) == ("finished", 1)
    assert ">celery<" in flower_page(site, "/broker")
    print(site.log.read_text())
    entries = (site.settings.data_dir / "diary").read_text().splitlines()
    starts = Counter(entry.split()[0] for entry in entries if " start " in entry)
    assert set(starts.values()) == {1}, "a job ran twice"


@pytest.mark.slow
def test_a_late_reply_is_not_taken_for_the_next_one(group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a time-out the connection is closed."""
    monkeypatch.setattr(scripts, "_PATIENCE", 1)
    primary = group.servers[0]
    with CeleryApp(Settings(redis_url=group.url)).jobs.store.redis as client:
        client.set("key", "value")
        primary.send_signal(signal.SIGSTOP)
        with pytest.raises(RedisTimeoutError):
            client.get("key")
        primary.send_signal(signal.SIGCONT)
        assert wait_for(lambda: reply(client.ping)) == [True]


def reply(command: Callable[[], object]) -> list[object]:
    """Return what Redis replies, or nothing if it does not reply in time."""
    with suppress(RedisTimeoutError):
        return [command()]
    return []


@pytest.mark.redis
def test_unsuitable_sentinels_are_refused(group: Group, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong name, password or kind of server stops a process with the reason; one good sentinel is enough."""

    def refusal(url: str) -> str:
        with pytest.raises(SystemExit) as exited:
            redis_check.check(url)
        assert exited.value.code == os.EX_CONFIG
        return capsys.readouterr().err

    redis_check.check(group.url)
    first, server = group.sentinels[0].port, group.servers[0].port
    assert f"the sentinel 127.0.0.1:{first} does not know the service theirs" in refusal(
        group.url.replace("=ours", "=theirs")
    )
    assert "its password is not the one in REDIS_URL" in refusal(group.url.replace("hush", "wrong"))
    assert "its password is not the one in REDIS_URL" in refusal(group.url.replace("secret", "wrong"))
    assert "unknown command" in refusal(
        f"sentinel://:secret@127.0.0.1:{server}/0?service=ours&sentinel_password=secret"
    )
    assert "it is a sentinel, whose URL starts with sentinel://" in refusal(f"redis://:hush@127.0.0.1:{first}/0")
    redis_check.check(group.url.replace("sentinel://:secret@", f"sentinel://:secret@127.0.0.1:{server},"))


@pytest.mark.slow
@needs("redis-server", "redis-server")  # the embedded Redis has no TLS
def test_sentinels_and_server_are_reached_over_tls(tmp_path: Path) -> None:
    """With one authority for both; with another one, neither the store nor the broker connects."""
    authority, theirs = make_authority(tmp_path, "ours"), make_authority(tmp_path, "theirs")
    tls = issue(authority, "localhost") + "tls-replication yes\n"
    names = "sentinel resolve-hostnames yes\nsentinel announce-hostnames yes\n"
    with ExitStack() as stack:
        run = partial(server, program="redis-server")
        primary = stack.enter_context(run(tmp_path / "primary", f"{tls}requirepass secret\n"))
        watch = f"{names}sentinel monitor ours localhost {primary.port} 1\nsentinel auth-pass ours secret\n"
        sentinel = stack.enter_context(run(tmp_path / "sentinel", tls + watch, options="--sentinel"))
        url = f"sentinels://:secret@localhost:{sentinel.port}/0?service=ours&ssl_ca_certs="
        app = CeleryApp(Settings(redis_url=f"{url}{authority}"))
        wait_for(lambda: _connects(app))
        assert not _connects(CeleryApp(Settings(redis_url=f"{url}{theirs}")))


def _connects(app: CeleryApp) -> bool:
    """Return whether the store and the broker connect."""
    try:
        with app.jobs.store.redis as redis, app.connection() as broker:
            broker.connect()
            return bool(redis.ping())
    except UNAVAILABLE:
        return False
