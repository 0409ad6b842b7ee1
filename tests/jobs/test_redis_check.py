"""Which Redis servers are accepted, and the connection to them."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest
from redis import Redis, RedisError

from greeter.jobs import redis_check
from greeter.jobs.celery_app import CeleryApp
from greeter.jobs.errors import UNAVAILABLE
from tests.conftest import PROCFILE, ROOT, Installation, find_program, free_port, needs, wait_for
from tests.http import submit, wait_for_end

REDIS = find_program("redis-server")


@pytest.mark.parametrize(
    ("info", "wrong"),
    [
        ({"redis_version": "7.0.0"}, ""),
        ({"redis_version": "10.0.1"}, ""),
        ({"redis_version": "6.2.16"}, "its version is 6.2.16"),
        ({"redis_version": "7.2.4", "valkey_version": "7.2.5"}, ""),
        ({"redis_version": "7.2.4", "valkey_version": "7.1.0"}, "its version is 7.1.0"),
        ({"redis_version": "7.0.15", "maxmemory_policy": "volatile-lru"}, "its maxmemory-policy is volatile-lru"),
    ],
)
def test_an_old_or_evicting_server_is_refused(info: dict[str, str], wrong: str) -> None:
    """The version is that of the server's own kind, because Valkey also reports a version of Redis."""
    assert "; ".join(redis_check._problems({"maxmemory_policy": "noeviction"} | info)).startswith(wrong or "")
    assert bool(wrong) == bool(list(redis_check._problems({"maxmemory_policy": "noeviction"} | info)))


@pytest.mark.redis
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


@pytest.mark.slow
@needs("redis-server", "redis-server")  # the embedded Redis has no TLS
def test_a_remote_redis_is_reached_over_tls(own_installation: Installation, tmp_path: Path) -> None:
    """Web, worker and Flower verify its certificate, and an unverified one is refused."""
    site, port = own_installation, free_port()
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*make, *names], check=True, capture_output=True)
    command = [str(REDIS), "--port", "0", "--tls-port", str(port), "--requirepass", "secret", "--dir", str(tmp_path)]
    command += ["--tls-cert-file", str(certificate), "--tls-key-file", str(key), "--tls-auth-clients", "no"]
    url = f"rediss://:secret@localhost:{port}/0"
    site.settings = dataclasses.replace(site.settings, redis_url=f"{url}?ssl_ca_certs={certificate}")
    site.celery = CeleryApp(site.settings)
    with subprocess.Popen([*command, "--tls-ca-cert-file", str(certificate)], stdout=subprocess.DEVNULL) as running:
        try:
            wait_for(lambda: site._redis_answers("redis"))
            with Redis.from_url(url) as unsure, pytest.raises(RedisError, match="certificate"):
                unsure.ping()
            unsure_too = CeleryApp(dataclasses.replace(site.settings, redis_url=url)).connection()
            with unsure_too as broker, pytest.raises(UNAVAILABLE, match="certificate"):
                broker.connect()
            site.start("worker", "web", "flower")
            assert "Greetings, Ada!" in wait_for_end(site, submit(site, "expensive_greet", person="Ada", total="1"))
            site.stop("flower", "web", "worker")
        finally:
            running.terminate()


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
