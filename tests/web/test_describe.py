"""Tests of what the tools say about themselves to registries and search engines."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from wtforms import Form

from greeter import create_app
from greeter.settings import Settings
from greeter.toolkit import tool
from greeter.version import __version__
from tests.conftest import ROOT, Installation, free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HOSTILE = """</script><script>document.title = 'ran'</script><!-- "&' <script>"""
TOOL = f'''
from wtforms import Form
from greeter.toolkit import tool

@tool({HOSTILE!r}, form=Form, edam={{"topic_0080": {HOSTILE!r}}})
def zz_hostile(job):
    """Say </script> in a summary."""
'''
EDAM = "http://edamontology.org/"


def block_of(page: str) -> Any:
    """Return the description in a page, as a browser reads it."""
    (block,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
    return json.loads(block)


def validate(schema: list[str], *files: Path) -> None:
    """Check files with a JSON schema."""
    command = [str(Path(sys.executable).parent / "check-jsonschema"), *schema, *map(str, files)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def described(app: Flask, *options: str) -> Any:
    """Return what `flask describe` prints."""
    ended = app.test_cli_runner().invoke(args=["describe", "--site", "https://tools.example.org/lab", *options])
    assert ended.exit_code == 0, ended.output
    return json.loads(ended.stdout)


def test_the_page_of_a_tool_describes_it(client: FlaskClient) -> None:
    """It has all that the profile of Bioschemas requires, and the EDAM terms of the tool."""
    block = block_of(client.get("/tools/phmmer").text)
    profile = block["http://purl.org/dc/terms/conformsTo"]["@id"]
    assert profile == "https://bioschemas.org/profiles/ComputationalTool/1.0-RELEASE"
    assert (block["@context"], block["@type"]) == ("https://schema.org", "SoftwareApplication")
    assert block["name"] == "phmmer protein search"
    assert block["description"] == "Search proteins against proteins with HMMER's phmmer."
    assert block["url"] == block["@id"] == "http://localhost/tools/phmmer"
    assert block["softwareHelp"]["url"] == "http://localhost/help#phmmer"
    assert block["softwareVersion"] == __version__
    assert block["featureList"] == [
        {"@type": "DefinedTerm", "@id": f"{EDAM}operation_0346", "name": "Sequence similarity search"}
    ]
    assert [term["@id"] for term in block["applicationSubCategory"]] == [f"{EDAM}topic_0080"]
    assert block_of(client.get("/tools/expensive_greet").text)["featureList"] == []


def test_a_hostile_title_stays_data(tool_folder: Path, tmp_path: Path) -> None:
    """It cannot end the block; what is read from the block is the title."""
    (tool_folder / "zz_hostile.py").write_text(TOOL)
    app = create_app(Settings(data_dir=tmp_path, redis_url=f"redis://127.0.0.1:{free_port()}/0"))
    page = app.test_client().get("/tools/zz_hostile").text
    assert page.count("<script") == page.count("</script>") == 1
    block = block_of(page)
    assert block["name"] == block["applicationSubCategory"][0]["name"] == HOSTILE
    assert "<!--" not in page.partition("</script>")[0].rpartition("ld+json")[2]
    (entry,) = [one for one in described(app, "--biotools") if one["homepage"].endswith("zz_hostile")]
    assert entry["name"] == "script script document.title ran script -- script"


@pytest.mark.slow
def test_a_browser_takes_the_description_as_data(installation: Installation, browser: Browser) -> None:
    """The policy of the site forbids scripts in pages, and the console has no message about this block."""
    page = browser.new_page()
    messages: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.goto(f"http://127.0.0.1:{installation.settings.web_port}/tools/mafft")
    block = json.loads(page.locator('script[type="application/ld+json"]').text_content() or "")
    assert block["name"] == "MAFFT multiple alignment"
    assert messages == []
    page.evaluate("document.head.append(Object.assign(document.createElement('script'), {text: 'window.ran = 1'}))")
    assert page.evaluate("window.ran") is None
    assert len(messages) == 1  # so a script would have been reported
    page.close()


def test_the_command_prints_what_the_pages_have(app: Flask) -> None:
    """With the address of the site, which need not run."""
    blocks = {block["identifier"]: block for block in described(app)}
    page = app.test_client().get("/tools/mafft", base_url="https://tools.example.org/lab").text
    assert blocks["mafft"] == block_of(page)
    assert blocks["mafft"]["url"] == "https://tools.example.org/lab/tools/mafft"


@pytest.mark.parametrize(
    "site",
    [
        *("example.org", "ftp://example.org", "https://", "https://a b", "https://ada@example.org"),
        *("https://example.org?a=b", "https://other.example"),
    ],
)
def test_what_is_no_address_of_the_site_is_refused(site: str, tmp_path: Path) -> None:
    """The descriptions would have addresses that lead to nothing."""
    app = create_app(Settings(data_dir=tmp_path, trusted_hosts=("example.org",)))
    ended = app.test_cli_runner().invoke(args=["describe", "--site", site])
    assert ended.exit_code == 2
    assert "Give the whole address, such as https://example.org. If TRUSTED_HOSTS is set, it must " in ended.stderr
    for right in ("https://example.org/lab", "HTTP://EXAMPLE.ORG:8080"):
        assert app.test_cli_runner().invoke(args=["describe", "--site", right]).exit_code == 0


def test_the_entries_for_biotools_fit_its_schema(app: Flask, tmp_path: Path) -> None:
    """The schema has only what the entries use, and is as strict with it."""
    entries = described(app, "--biotools")
    (tmp_path / "entries.json").write_text(json.dumps(entries))
    validate(["--schemafile", str(Path(__file__).with_name("biotools_subset.json"))], tmp_path / "entries.json")
    (mafft,) = [entry for entry in entries if entry["name"] == "MAFFT multiple alignment"]
    assert mafft["function"] == [
        {"operation": [{"uri": f"{EDAM}operation_0492", "term": "Multiple sequence alignment"}]}
    ]
    assert mafft["topic"] == [{"uri": f"{EDAM}topic_0080", "term": "Sequence analysis"}]
    assert mafft["documentation"][0]["url"] == "https://tools.example.org/lab/help#mafft"


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        (["operation_0346"], "Write a dict with the label of each"),
        ({"operation_0346": None}, "Write a dict with the label of each"),
        (
            {"http://edamontology.org/topic_0080": "Sequence analysis"},
            "is not an EDAM term for a tool. Write operations",
        ),
        ({"format_1929": "FASTA"}, "'format_1929' is not an EDAM term for a tool."),
    ],
)
def test_wrong_terms_are_refused_when_the_tool_is_loaded(terms: Any, message: str) -> None:
    """The message says how to write them."""
    with pytest.raises((TypeError, ValueError), match=re.escape(message)):
        tool("Wrong", form=Form, edam=terms)


def test_citation_file_is_valid_and_has_the_version_of_the_code() -> None:
    """GitHub, Zenodo and reference managers read it."""
    validate(["--builtin-schema", "vendor.citation-file-format"], ROOT / "CITATION.cff")
    assert f"\nversion: {__version__}\n" in (ROOT / "CITATION.cff").read_text()
