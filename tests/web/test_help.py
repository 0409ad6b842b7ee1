"""The help page, and what every page says of the site."""

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from greeter.version import __version__
from tests.conftest import Installation
from tests.web.test_jobs import ask


def test_the_help_page_tells_what_a_reviewer_asks_for(client: FlaskClient) -> None:
    """How to read results, the limits of this installation, privacy, how to cite, and a sample of each tool."""
    page = client.get("/help").text
    for text in (
        "How many hits as good as this one chance alone gives",
        "10 MiB",
        "50,000 sequences",
        "1 hour and 23 minutes",
        "7 days after the job has ended",
        "no cookie, no tracking",
        "Please cite: Eddy SR (2011)",
        'href="/jobs/sample-phmmer"',
        'href="/jobs/sample-expensive_greet"',
        "Must I have JavaScript?",
    ):
        assert text in page
    for name in re.findall(r'href="#([^"]+)"', page):
        assert f'id="{name}"' in page


@pytest.mark.parametrize("path", ["/", "/help", "/tools/phmmer", "/jobs/sample-phmmer", "/nowhere"])
def test_every_page_says_who_runs_it_and_on_which_terms(client: FlaskClient, path: str) -> None:
    """Free use without login, contact, licence, version; the way to the tools and to the help."""
    page = client.get(path).text
    assert "This website is free and open to all users and there is no login requirement." in page
    for text in ("mailto:operator@example.org", "MIT licence", f"greeter {__version__}", 'href="/help"', 'href="/"'):
        assert text in page


def test_the_front_page_offers_each_tool(client: FlaskClient) -> None:
    """With a sentence, how long it takes, and a sample result."""
    page = client.get("/").text
    assert "Search proteins against proteins with HMMER" in page
    assert "Usually takes seconds for a few proteins" in page
    assert 'href="/jobs/sample-phmmer"' in page


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tool", "key", "value"), [("Greeting", "greeting", "Greetings, Ada Lovelace!"), ("phmmer", "hits", 45)]
)
def test_the_commands_of_the_help_page_work(
    installation: Installation, tmp_path: Path, tool: str, key: str, value: object
) -> None:
    """As they stand there, pasted into a shell beside the example's files."""
    page = unescape(ask(installation, "/help").body)
    (commands,) = re.findall(
        rf"<summary>{tool}[^<]* from the command line</summary>\s*<pre[^>]*>(.*?)</pre>", page, re.DOTALL
    )
    for path in (Path(__file__).parents[2] / "static/examples").iterdir():
        shutil.copy(path, tmp_path)
    shell = subprocess.run(
        ["bash", "-c", commands], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )
    told = json.loads(shell.stdout)
    assert (told["phase"], told["result"][key]) == ("finished", value)
    for address in told["files"]:
        name = address.rpartition("/")[2]
        subprocess.run(["curl", "-sfO", address], cwd=tmp_path, check=True, timeout=20)
        assert (tmp_path / name).stat().st_size > 100
