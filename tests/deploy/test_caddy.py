"""The site of deploy/caddy, in a real Caddy, before a real gunicorn and Flower; without its certificate."""

import subprocess
from collections.abc import Iterator

import pytest

from greeter.settings import Settings
from tests.conftest import ROOT, Installation, free_port, listens, needs, wait_for
from tests.deploy.test_nginx import FORM, request
from tests.web.test_jobs import Answer

CADDYFILE = ROOT / "deploy" / "caddy" / "Caddyfile"

pytestmark = [pytest.mark.slow, needs("caddy", "caddy")]


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory, site: Installation) -> Iterator[int]:
    """Where Caddy answers, by http and without its own interface for administration."""
    port = free_port()
    text = (
        CADDYFILE.read_text()
        .replace("{\n", "{\n\tadmin off\n", 1)
        .replace("your.host {", f"http://your.host:{port} {{")
    )
    text = text.replace("127.0.0.1:5554", f"127.0.0.1:{site.settings.web_port}")
    text = text.replace("127.0.0.1:5555", f"127.0.0.1:{site.settings.flower_port}")
    ours = tmp_path_factory.mktemp("caddy") / "Caddyfile"
    ours.write_text(text)
    with subprocess.Popen(["caddy", "run", "--config", ours], env={"HOME": str(ours.parent)}) as running:
        try:
            wait_for(lambda: listens(port))
            yield port
        finally:
            running.terminate()


def test_caddy_takes_it_as_it_is() -> None:
    """It is valid, and in Caddy's own format."""
    subprocess.run(["caddy", "validate", "--config", CADDYFILE, "--adapter", "caddyfile"], check=True)
    formatted = subprocess.run(["caddy", "fmt", CADDYFILE], check=True, capture_output=True, text=True).stdout
    assert formatted == CADDYFILE.read_text()


def test_the_site_is_open_and_flower_is_closed(port: int, site: Installation) -> None:
    """As with nginx; what a visitor says of itself is not believed."""

    def ask(path: str, body: str | bytes | None = None, **headers: str) -> Answer:
        return request(port, path, body, "127.0.0.4", **headers)

    assert "Greeting" in ask("/").body
    assert ask("/flower/tasks").status == 401
    for path in ("/metrics", "/flower/metrics", "/flower/healthcheck", "/flower/%6detrics", "/flower//metrics"):
        assert ask(path).status == 404, path
    forged = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Prefix": "/x"}
    assert (
        ask("/tools/expensive_greet", "person=Ada&total=1", **FORM, **forged).headers["Location"].startswith("/jobs/")
    )
    assert site.redis.exists("client:127.0.0.4")
    large = ask("/tools/phmmer", b"query=" + b"A" * (Settings().max_upload_bytes + 1_500_000), **FORM)
    assert (large.status, "too much at once" in large.body) == (413, True)
