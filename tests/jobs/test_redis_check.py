"""Which Redis servers are accepted, and the connection to them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from greeter.jobs.records import redis_check
from tests.conftest import PROCFILE, ROOT, Installation, free_port
from tests.servers import server


@pytest.mark.parametrize(
    ("info", "wrong"),
    [
        ({"redis_version": "7.0.0"}, ""),
        ({"redis_version": "10.0.1"}, ""),
        ({"redis_version": "6.2.16"}, "its version is 6.2.16"),
        ({"redis_version": "7.2.4", "valkey_version": "7.2.5"}, ""),
        ({"redis_version": "7.2.4", "valkey_version": "7.1.0"}, "its version is 7.1.0"),
        ({"redis_version": "7.0.15", "maxmemory_policy": "volatile-lru"}, "its maxmemory-policy is volatile-lru"),
        ({"redis_version": "7.0.15", "redis_mode": "cluster"}, "it is a node of a cluster"),
    ],
)
def test_an_old_or_evicting_server_is_refused(info: dict[str, str], wrong: str) -> None:
    """The version is that of the server's own kind, because Valkey also reports a version of Redis."""
    assert "; ".join(redis_check._problems({"maxmemory_policy": "noeviction"} | info)).startswith(wrong or "")
    assert bool(wrong) == bool(list(redis_check._problems({"maxmemory_policy": "noeviction"} | info)))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["web", "worker"])
def test_an_unsuitable_redis_stops_the_process_with_the_reason(own_installation: Installation, name: str) -> None:
    """The message is free of passwords and tracebacks."""
    own_installation.start("redis")
    own_installation.redis.config_set("maxmemory-policy", "allkeys-lru")
    environ = os.environ | own_installation.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    def refusal(**changed: str) -> str:
        ended = subprocess.run(
            PROCFILE[name].split()[1:], env=environ | changed, cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert ended.returncode == os.EX_CONFIG
        assert "Traceback" not in ended.stderr
        assert "ours" not in ended.stderr
        return ended.stderr

    assert "its maxmemory-policy is allkeys-lru" in refusal()
    wrong = own_installation.settings.redis_url.replace("secret", "other")
    assert "its password is not the one in REDIS_URL" in refusal(REDIS_URL=wrong)


@pytest.mark.redis
def test_a_node_of_a_cluster_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Even if it is the only one."""
    bus = f"cluster-port {free_port()}"  # by default 10,000 more than the port, which may be too high
    with server(tmp_path / "node", f"cluster-enabled yes\n{bus}\n") as node, pytest.raises(SystemExit) as exited:
        redis_check.check(f"redis://127.0.0.1:{node.port}/0")
    assert exited.value.code == os.EX_CONFIG
    message = capsys.readouterr().err
    assert "it is a node of a cluster, which is not supported" in message
    assert message.endswith("as docs/redis.md describes, and start again.\n")


@pytest.mark.redis
@pytest.mark.parametrize(
    ("setting", "value", "warning"),
    [
        ("appendfsync", "always", ""),
        ("appendfsync", "everysec", "appendfsync everysec"),
        ("appendonly", "no", "appendonly off"),
        ("user", "-config", "does not show its appendfsync"),
    ],
)
def test_a_redis_that_may_lose_jobs_is_accepted_with_a_warning(
    own_installation: Installation, caplog: pytest.LogCaptureFixture, setting: str, value: str, warning: str
) -> None:
    """The warning names the setting to change; without the right to read the settings it says so."""
    own_installation.start("redis")
    if setting == "user":
        own_installation.redis.execute_command("ACL", "SETUSER", "default", value)
    else:
        own_installation.redis.config_set(setting, value)
    redis_check.check(own_installation.settings.redis_url)
    assert warning in caplog.text
    assert ("Use appendonly yes and appendfsync always." in caplog.text) == bool(warning)
