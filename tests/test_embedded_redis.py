"""The embedded Redis."""

import os
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from redis import Redis
from redis.exceptions import AuthenticationError

from greeter import redis_server
from tests.conftest import ROOT, Installation, wait_for


@pytest.mark.slow
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


def server_of(site: Installation) -> psutil.Process:
    """Return the process of the server."""
    return psutil.Process(site.redis.info("server")["process_id"])


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_the_server_ends_with_its_supervisor(own_installation: Installation, number: int) -> None:
    """Whichever signal ends the process of the Procfile, no server is left. Arguments do not contain the password."""
    own_installation.start("redis")
    process, server = own_installation._running["redis"], server_of(own_installation)
    assert server.ppid() == process.pid
    assert "secret" not in " ".join(server.cmdline())
    process.send_signal(number)
    assert process.wait(60) == (-9 if number == signal.SIGKILL else 0)
    server.wait(60)


@pytest.mark.slow
def test_a_server_that_does_not_stop_is_killed(own_installation: Installation) -> None:
    """It is suspended, or waits for its disk. Its data is on the disk already."""
    own_installation.start("redis")
    own_installation.redis.set("kept", "yes")
    own_installation.stop("redis")
    main = "from greeter import embedded_redis as one; one._STOP_PATIENCE = 1; one.main()"
    environ = os.environ | own_installation.environ
    with subprocess.Popen([sys.executable, "-c", main], env=environ, cwd=ROOT) as supervisor:
        wait_for(lambda: own_installation._redis_answers("redis"))
        own_installation.redis.set("also", "yes")
        server = server_of(own_installation)
        server.suspend()
        supervisor.terminate()
        try:
            assert supervisor.wait(60) == 128 + signal.SIGKILL
        finally:
            supervisor.kill()
    server.wait(60)
    own_installation.start("redis")
    assert own_installation.redis.mget("kept", "also") == [b"yes", b"yes"]


@pytest.mark.slow
def test_a_killed_server_is_restarted(own_installation: Installation) -> None:
    """Its data is available again within seconds."""
    own_installation.start("redis")
    own_installation.redis.set("kept", "yes")
    for _ in range(2):
        server_of(own_installation).kill()
        time.sleep(0.1)
        wait_for(lambda: own_installation._redis_answers("redis"))
        assert own_installation.redis.get("kept") == b"yes"


@pytest.mark.redis
def test_a_server_that_cannot_start_is_given_up(own_installation: Installation) -> None:
    """The process ends with the status of the server, so that honcho or systemd notices."""
    (own_installation.settings.data_dir / "redis" / "appendonlydir").mkdir(parents=True)
    (own_installation.settings.data_dir / "redis" / "appendonlydir" / "appendonly.aof.manifest").write_text("broken")
    command = [sys.executable, "-m", "greeter.embedded_redis"]
    ended = subprocess.run(
        command, env=os.environ | own_installation.environ, cwd=ROOT, capture_output=True, timeout=60, check=False
    )
    assert ended.returncode == 1


@pytest.mark.redis
@pytest.mark.parametrize("url", ["rediss://:secret@redis.example.org/0", ""])  # on another machine, or already running
def test_no_server_is_started_if_there_is_one(own_installation: Installation, url: str) -> None:
    """The process keeps running, because honcho stops all processes when one ends."""
    own_installation.start("redis")
    environ = os.environ | own_installation.environ | ({"REDIS_URL": url} if url else {})
    command = [sys.executable, "-u", "-m", "greeter.embedded_redis"]
    with subprocess.Popen(command, env=environ, cwd=ROOT, stdout=subprocess.PIPE, text=True) as idle:
        assert idle.stdout
        line = idle.stdout.readline()
        assert "stays idle" in line
        assert ("redis.example.org" in line) == bool(url)
        assert "secret" not in line
        assert idle.poll() is None
        idle.terminate()


@pytest.mark.redis
def test_a_server_on_the_path_is_used_if_there_is_no_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """valkey-server is preferred to redis-server; without either, the process ends with advice."""
    monkeypatch.setattr(redis_server, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit, match="Install valkey or redis"):
        redis_server.find_server()
    for name in ("redis-server", "valkey-server"):
        (tmp_path / name).touch(stat.S_IRWXU)
        assert redis_server.find_server() == str(tmp_path / name)


@pytest.mark.slow
def test_a_damaged_file_is_repaired_as_documented(own_installation: Installation) -> None:
    """Without the damage, for example zeros after a power failure, the server starts, with all data before it."""
    folder = own_installation.settings.data_dir
    own_installation.start("redis")
    own_installation.redis.set("kept", "yes")
    own_installation.signal("redis", signal.SIGKILL)
    (damaged,) = folder.rglob("*.incr.aof")
    with damaged.open("ab") as file:
        file.write(bytes(100))
    own_installation.launch("redis")
    wait_for(lambda: own_installation.status("redis"))
    assert "Bad file format reading the append only file" in own_installation.log.read_text()
    command = re.search("`as-greeter (bash -c .*check-aof.*?)`", (ROOT / "deploy/README.md").read_text())
    assert command
    repair = command[1].replace("/var/lib/greeter", str(folder))
    subprocess.run(repair, shell=True, cwd=ROOT, input="y\n", text=True, stdout=subprocess.DEVNULL, check=True)
    own_installation.start("redis")
    assert own_installation.redis.get("kept") == b"yes"
