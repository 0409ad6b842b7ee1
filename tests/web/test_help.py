"""Tests of the help page, and of the information about the site on every page."""

import dataclasses
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from greeter import create_app
from greeter.version import RELEASED, __version__
from tests.conftest import PATIENCE, Installation, needs
from tests.http import fetch


def test_help_page_covers_results_limits_privacy_and_citation(client: FlaskClient) -> None:
    """The page explains results, limits of this installation, privacy and citation, and links every sample."""
    page = client.get("/help").text
    for text in (
        "The number of hits at least as good as this one",
        "10 MiB",
        "one visitor can send 60 submissions, and 6,000 requests of any kind",
        "50,000 sequences",
        "1 hour and 23 minutes",
        "7 days after the job has ended",
        "no cookie, no tracking",
        "Please cite: Eddy SR (2011)",
        'href="/jobs/sample-phmmer"',
        'href="/jobs/sample-expensive_greet"',
        "Do I need JavaScript?",
    ):
        assert text in page
    for name in re.findall(r'href="#([^"]+)"', page):
        assert f'id="{name}"' in page


@pytest.mark.parametrize("path", ["/", "/help", "/tools/phmmer", "/jobs/sample-phmmer", "/nowhere"])
def test_every_page_shows_terms_operator_licence_and_version(client: FlaskClient, path: str) -> None:
    """Every page states free use without login, contact, licence and version, and links to the tools and the help."""
    page = client.get(path).text
    assert "This website is free and open to all users and there is no login requirement." in page
    for text in ("mailto:operator@example.org", "MIT licence", f"greeter {__version__}", 'href="/help"', 'href="/"'):
        assert text in page


def test_front_page_shows_each_tools_duration_and_sample(client: FlaskClient) -> None:
    """Each tool has a description, its usual duration and a sample result."""
    page = client.get("/").text
    assert "Search proteins against proteins with HMMER" in page
    assert "Usually takes seconds for a few proteins" in page
    assert 'href="/jobs/sample-phmmer"' in page


def test_front_page_shows_the_release_and_what_to_cite(client: FlaskClient) -> None:
    """It has the version with its date, how long jobs are kept, and a link to what to cite."""
    page = client.get("/").text
    assert f"Version {__version__} of {RELEASED:%-d %B %Y}." in page
    assert "it is kept for 7 days after the job has ended" in page
    assert 'href="/help#cite"' in page


class Unreliable(ThreadingHTTPServer):
    """A proxy that passes on each request, but cuts the connection instead of the first answer to each submission."""

    def __init__(self, site: Installation) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.site, self.jobs = site, list[str]()


class _Passing(BaseHTTPRequestHandler):
    server: Unreliable

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))) or None
        answer = fetch(self.server.site, self.path, self.command, body, **dict(self.headers))
        if self.command == "POST":
            self.server.jobs.append(json.loads(answer.body)["jobID"])
            if len(self.server.jobs) == 1:
                return
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.raw)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Write nothing."""


@pytest.fixture
def unreliable(installation: Installation) -> Iterator[Unreliable]:
    """An unreliable connection to the site."""
    with Unreliable(installation) as proxy:
        Thread(target=proxy.serve_forever, daemon=True).start()
        yield proxy
        proxy.shutdown()


def script_of(installation: Installation, tool: str, kind: str) -> str:
    """Return a script of the help page of an installation."""
    return script_in(fetch(installation, "/help").body, tool, kind)


def script_in(page: str, tool: str, kind: str) -> str:
    """Return a script of the help page."""
    (script,) = re.findall(
        rf"<summary>{tool} from a script: {kind}</summary>.*?<pre[^>]*>\n(.*?)</pre>", page, re.DOTALL
    )
    return unescape(script)


SCRIPTS = [("Python", [sys.executable, "-c"]), ("shell with curl", ["sh", "-c"])]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "command"), SCRIPTS)
@pytest.mark.parametrize(
    ("tool", "shown"), [("Greeting", "Greetings, Ada Lovelace!"), ("phmmer protein search", '"hits"')]
)
def test_the_scripts_work_as_they_are_printed(
    installation: Installation,
    tmp_path: Path,
    unreliable: Unreliable,
    kind: str,
    command: list[str],
    tool: str,
    shown: str,
) -> None:
    """They submit the example once, even if the connection breaks, wait for its end, and print its result."""
    script = script_of(installation, tool, kind)
    assert len(script.splitlines()) <= 20
    script = script.replace(f":{installation.settings.web_port}/", f":{unreliable.server_port}/")
    run = [*command, script]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert shown in done.stdout
    assert (len(unreliable.jobs), len(set(unreliable.jobs))) == (2, 1)  # sent twice, accepted once
    if kind != "Python":  # in the same folder, it continues with the same job
        subprocess.run(run, cwd=tmp_path, capture_output=True, timeout=PATIENCE, check=True)
        assert len(set(unreliable.jobs)) == 1
    if tool == "phmmer protein search":
        assert "/files/targets.tbl" in done.stdout
        assert kind == "Python" or (tmp_path / "targets.tbl").stat().st_size > 100


@pytest.mark.slow
@needs("mafft", "mafft")
@pytest.mark.parametrize(("kind", "command"), SCRIPTS)
def test_the_scripts_of_mafft_fetch_its_alignment(
    installation: Installation, tmp_path: Path, kind: str, command: list[str]
) -> None:
    """Its example has another file and other fields than those of the other tools."""
    run = [*command, script_of(installation, "MAFFT multiple alignment", kind)]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "/files/alignment.fasta" in done.stdout
    assert kind == "Python" or (tmp_path / "alignment.fasta").stat().st_size > 100


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "command"), SCRIPTS)
def test_the_scripts_show_why_a_job_failed(
    installation: Installation, tmp_path: Path, kind: str, command: list[str]
) -> None:
    """They do not ask for results that a job does not have."""
    script = script_of(installation, "Greeting", kind).replace("/expensive_greet/", "/blame/")
    run = [*command, script]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    assert "There is no gene in this sequence." in done.stdout + done.stderr
    assert not (tmp_path / "results.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        ("\njob,", "\nexample['inputs']['person'] = ''\njob,", "Fill in this field."),
        ("/api/v1", "/no-such-page", "Page not found"),
    ],
)
def test_the_python_script_shows_why_a_request_is_refused(
    installation: Installation, old: str, new: str, shown: str
) -> None:
    """Even if the response is a page, such as that of a proxy."""
    script = script_of(installation, "Greeting", "Python").replace(old, new)
    run = [sys.executable, "-c", script]
    done = subprocess.run(run, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    assert shown in done.stderr


@pytest.mark.redis
@pytest.mark.parametrize(("kind", "command"), SCRIPTS)
def test_the_scripts_end_with_the_reason_if_waiting_does_not_help(
    with_redis: Installation, tmp_path: Path, kind: str, command: list[str]
) -> None:
    """The limit of bytes stays reached until jobs are deleted."""
    app = create_app(dataclasses.replace(with_redis.settings, max_client_bytes=0))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    page = app.test_client().get("/help", base_url=f"http://127.0.0.1:{server.port}").text
    try:
        run = [*command, script_in(page, "Greeting", kind)]
        done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    assert "delete jobs that you no longer need" in (done.stdout + done.stderr).lower()
