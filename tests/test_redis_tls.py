"""Redis over TLS, with a certificate authority of the operator's own."""

import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from greeter.jobs.errors import UNAVAILABLE
from greeter.jobs.records import redis_check
from greeter.jobs.worker.celery_app import CeleryApp
from greeter.settings import Settings
from greeter.settings_loader import SettingsError, read_settings
from tests.conftest import PATIENCE, ROOT, Installation, needs
from tests.http import submit, wait_for_end
from tests.servers import DURABLE, Server, issue, make_authority, server, use

pytestmark = needs("redis-server", "redis-server")  # the embedded Redis has no TLS


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """The certificate of the authority."""
    return make_authority(tmp_path, "ours")


@pytest.fixture
def remote(tmp_path: Path, authority: Path) -> Iterator[Server]:
    """Debian's Redis with a certificate for localhost."""
    config = f"{DURABLE}requirepass secret\n{issue(authority, 'localhost')}"
    with server(tmp_path / "remote", config, program="redis-server") as running:
        yield running


@pytest.mark.slow
@pytest.mark.unmeasured
def test_everything_connects_over_tls(own_installation: Installation, remote: Server, authority: Path) -> None:
    """Store, broker, rate limits, worker, web, Flower and `flask selftest` verify the certificate."""
    site = own_installation
    use(site, redis_url=f"rediss://:secret@localhost:{remote.port}/0?ssl_ca_certs={authority}")
    site.start("worker", "web", "flower")
    assert "Greetings, Ada!" in wait_for_end(site, submit(site, "expensive_greet", person="Ada", total="1"))
    assert list(site.redis.scan_iter("limits*"))
    assert ">celery<" in flower_page(site, "/broker")
    flask = [str(Path(sys.executable).parent / "flask"), "selftest"]
    tested = subprocess.run(flask, env=os.environ | site.environ, cwd=ROOT, capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stdout
    assert tested.stdout.count("same result as the sample") >= 2
    assert "insecure" not in site.log.read_text()


def flower_page(site: Installation, path: str) -> str:
    """Return a page of Flower without white space."""
    login = b64encode(site.settings.flower_basic_auth.encode()).decode()
    with closing(HTTPConnection("127.0.0.1", site.settings.flower_port, timeout=PATIENCE)) as flower:
        flower.request("GET", path, headers={"Authorization": f"Basic {login}"})
        return "".join(flower.getresponse().read().decode().split())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("host", "ca", "problem"),
    [
        ("localhost", "theirs", "its certificate is not valid: "),
        ("localhost", "", "its certificate is not valid: "),
        ("127.0.0.1", "ours", "its certificate is not valid: IP address mismatch"),
    ],
)
def test_a_server_that_cannot_prove_its_name_is_refused(
    remote: Server, authority: Path, capsys: pytest.CaptureFixture[str], host: str, ca: str, problem: str
) -> None:
    """The wrong authority, none and the wrong name stop a process with the reason; the broker is as careful."""
    theirs = make_authority(authority.parent, "theirs")
    files = {"ours": f"?ssl_ca_certs={authority}", "theirs": f"?ssl_ca_certs={theirs}", "": ""}
    url = f"rediss://:secret@{host}:{remote.port}/0{files[ca]}"
    with pytest.raises(SystemExit) as exited:
        redis_check.check(url)
    message = capsys.readouterr().err
    assert exited.value.code == os.EX_CONFIG
    assert problem in message
    assert message.endswith("as docs/redis.md describes, and start again.\n")
    app = CeleryApp(Settings(redis_url=url))
    with app.connection() as broker, pytest.raises(UNAVAILABLE, match="CERTIFICATE_VERIFY_FAILED"):
        broker.connect()
    app.jobs.store.redis.close()


def test_a_missing_authority_is_refused(tmp_path: Path) -> None:
    """The message names the option, but not the URL, which has the password."""
    with pytest.raises(SettingsError, match="can read as its ssl_ca_certs") as raised:
        read_settings({"REDIS_URL": f"rediss://:secret@host/0?ssl_ca_certs={tmp_path}/none.pem"})
    assert "secret" not in str(raised.value)
