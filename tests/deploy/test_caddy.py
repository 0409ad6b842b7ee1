"""The configuration in deploy/caddy, run by a real Caddy over http in front of a real gunicorn and Flower."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from greeter.settings import Settings
from tests.conftest import ROOT, Installation, free_port, listens, needs, wait_for
from tests.deploy.test_nginx import FORM, refusal, request
from tests.http import Response

CADDYFILE = ROOT / "deploy" / "caddy" / "Caddyfile"

pytestmark = [pytest.mark.slow, needs("caddy", "caddy")]


@contextmanager
def caddy(folder: Path, site: Installation, web_port: int) -> Iterator[int]:
    """Start Caddy without TLS and without its admin API, and yield its port."""
    port = free_port()
    text = (
        CADDYFILE.read_text()
        .replace("{\n", "{\n\tadmin off\n", 1)
        .replace("your.host {", f"http://your.host:{port} {{")
    )
    text = text.replace("127.0.0.1:5554", f"127.0.0.1:{web_port}")
    text = text.replace("127.0.0.1:5555", f"127.0.0.1:{site.settings.flower_port}")
    ours = folder / "Caddyfile"
    ours.write_text(text)
    with subprocess.Popen(["caddy", "run", "--config", ours], env={"HOME": str(ours.parent)}) as running:
        try:
            wait_for(lambda: listens(port))
            yield port
        finally:
            running.terminate()


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory, site: Installation) -> Iterator[int]:
    """Start Caddy in front of the site, and return its port."""
    with caddy(tmp_path_factory.mktemp("caddy"), site, site.settings.web_port) as port:
        yield port


def test_caddyfile_is_valid_and_formatted() -> None:
    """`caddy validate` accepts the Caddyfile and `caddy fmt` leaves it unchanged."""
    subprocess.run(["caddy", "validate", "--config", CADDYFILE, "--adapter", "caddyfile"], check=True)
    formatted = subprocess.run(["caddy", "fmt", CADDYFILE], check=True, capture_output=True, text=True).stdout
    assert formatted == CADDYFILE.read_text()


def ask(port: int, path: str, body: str | bytes | None = None, **headers: str) -> Response:
    """Send one request from 127.0.0.4."""
    return request(port, path, body, "127.0.0.4", **headers)


def test_site_is_public_and_flower_and_metrics_are_not(port: int) -> None:
    """The front page needs no password, Flower does, and metrics and health endpoints are 404 in any spelling."""
    assert "Greeting" in ask(port, "/").body
    assert ask(port, "/flower/tasks").status == 401
    for path in ("/metrics", "/flower/metrics", "/flower/healthcheck", "/flower/%6detrics", "/flower//metrics"):
        assert ask(port, path).status == 404, path


def test_forged_forwarding_headers_are_ignored(port: int, site: Installation) -> None:
    """A job counts for the address that connects, and its redirect has no prefix, despite forged headers."""
    forged = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Prefix": "/x"}
    answer = ask(port, "/tools/expensive_greet", "person=Ada&total=1", **FORM, **forged)
    assert answer.headers["Location"].startswith("/jobs/")
    assert site.redis.exists("client:127.0.0.4")


def test_oversized_upload_gets_greeters_error_page(port: int) -> None:
    """An upload slightly above MAX_UPLOAD_BYTES passes Caddy and gets greeter's own page, a larger one a sentence."""
    large = ask(port, "/tools/phmmer", b"query=" + b"A" * (Settings().max_upload_bytes + 1_500_000), **FORM)
    assert (large.status, "submission is too large" in large.body) == (413, True)
    refused = ask(port, "/tools/phmmer", b"query=" + b"A" * 12_100_000, **FORM)
    assert (refused.status, "Go back to the form" in refused.body) == (413, True)


def test_scripts_get_problems_from_caddy_too(tmp_path: Path, port: int, site: Installation) -> None:
    """Under /api, what Caddy refuses, and what nothing answers, is a problem in the words of greeter."""
    api = "/api/v1/processes/phmmer/execution"
    refusal(ask(port, api, b"query=" + b"A" * 12_100_000, **FORM), 413)
    assert "There is no tool" in ask(port, "/api/v1/processes/none").body
    with caddy(tmp_path, site, free_port()) as alone:
        for path in (api, "/api/openapi.json", "/api/v1/jobs/sample-phmmer/files/targets.tbl"):
            refusal(ask(alone, path), 503)
        page = ask(alone, "/help")
        assert (page.status, "Wait a few seconds, then reload it." in page.body) == (503, True)
