"""Processes whose log nobody reads: a terminal is paused, or the log of the system hangs."""

import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path, PosixPath
from typing import Any

import psutil
import pytest
from redis import RedisError

from greeter.redis_url import RedisUrl
from tests.conftest import PATIENCE, Installation, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.unmeasured]


class UnreadLog(PosixPath):
    """A pipe that is full, as soon as the test fills it."""

    def open(self, *_: Any, **__: Any) -> Any:
        """Open it for a process, which waits when the pipe is full."""
        return os.fdopen(os.open(self, os.O_RDWR), "wb", 0)

    def read_text(self, *_: Any, **__: Any) -> str:
        """Nobody reads it."""
        return ""

    def fill(self) -> None:
        """Write until there is no room for a byte."""
        pipe = os.open(self, os.O_RDWR | os.O_NONBLOCK)
        for size in (4096, 1):
            try:
                while True:
                    os.write(pipe, b"x" * size)
            except BlockingIOError:
                pass
        os.close(pipe)


class ClosedLog(PosixPath):
    """A pipe whose reader has closed it."""

    def open(self, *_: Any, **__: Any) -> Any:
        """Open it for a process, to which each write is an error."""
        reader, writer = os.pipe()
        os.close(reader)
        return os.fdopen(writer, "wb", 0)

    def read_text(self, *_: Any, **__: Any) -> str:
        """Nobody can read it."""
        return ""


def test_a_worker_stops_although_nobody_reads_its_log(own_installation: Installation) -> None:
    """Its job is requeued, and does not count as lost."""
    site = own_installation
    site.start("redis")
    site.log = log = UnreadLog(site.log.with_name("unread"))
    os.mkfifo(log)
    with log.open():
        site.start("worker")
        job = site.submit("diary", seconds=100.0)
        wait_for(lambda: site.store.find(job).phase == "running")
        log.fill()
        assert site.ended(site.submit("chatter")).phase == "finished"
        worker = psutil.Process(site.pid("worker"))
        site.signal("worker", signal.SIGTERM)
        assert worker.wait(PATIENCE) == 0
        record = site.store.find(job)
        assert (record.phase, record.attempts) == ("waiting", 0)


def test_redis_works_and_restarts_and_stops_although_nobody_reads_its_log(own_installation: Installation) -> None:
    """The server logs a request of HTTP, and each of its starts and ends."""
    site = own_installation
    site.log = log = UnreadLog(site.log.with_name("unread"))
    os.mkfifo(log)
    with log.open():
        site.start("redis")
        log.fill()
        supervisor = psutil.Process(site.pid("redis"))
        (server,) = supervisor.children()
        url = RedisUrl.parse(site.settings.redis_url)
        with socket.create_connection(url.nodes[0]) as connection:
            connection.sendall(b"POST / HTTP/1.1\r\n\r\n")
        site.store.redis.ping()
        server.kill()
        wait_for(lambda: supervisor.children() and supervisor.children() != [server])
        wait_for(lambda: answers(site))
        (server,) = supervisor.children()
        supervisor.terminate()
        assert supervisor.wait(PATIENCE) == 0
        server.wait(PATIENCE)


def test_redis_restarts_although_its_log_is_closed(own_installation: Installation) -> None:
    """Whoever reads the log has ended, and the server prints before it ignores that."""
    site = own_installation
    site.log = ClosedLog(site.log)
    site.start("redis")
    (server,) = psutil.Process(site.pid("redis")).children()
    server.kill()
    server.wait(PATIENCE)
    wait_for(lambda: answers(site))


@pytest.mark.skipif(sys.platform != "linux", reason="There is no /proc.")
def test_all_processes_run_without_standard_streams(
    own_installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No pipe or connection gets the number of such a stream, because what a process prints would go there."""
    site, command = own_installation, own_installation.command
    closed = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"]
    monkeypatch.setattr(site, "command", lambda name: closed + command(name))
    names = ["redis", "worker", "web", "flower"]
    site.start(*names)
    assert site.ended(site.submit("chatter")).phase == "finished"
    streams = {name: [Path(f"/proc/{site.pid(name)}/fd/{number}").readlink() for number in range(3)] for name in names}
    assert streams == dict.fromkeys(names, [Path(os.devnull)] * 3)


def answers(site: Installation) -> bool:
    """Return whether Redis answers."""
    with suppress(RedisError):
        return bool(site.store.redis.ping())
    return False
