"""Tool files that cannot be used."""

from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from greeter import create_app, tools
from greeter.settings import Settings
from tests.conftest import Installation, free_port, wait_for

FORM = """from wtforms import Form, StringField
from greeter.toolkit import tool

class One(Form):
    word = StringField()

"""
FINE = (
    FORM
    + """@tool("Fine", form=One)
def fine(job, word):
    return {"word": word}
"""
)

PROBLEMS = {
    "import numpyy\n": "line 1: ModuleNotFoundError: No module named 'numpyy'",
    "x = 1\nif x\n": "line 2: SyntaxError: expected ':'",
    "import sys\nsys.exit('usage: script FILE')\n": "line 2: SystemExit: usage: script FILE",
    "raise ValueError('two\\nlines')\n": "line 1: ValueError: two lines",
    FORM + "@tool('Other', form=One)\ndef other(job, sentence): ...\n": "line 7: TypeError: other takes ['sentence']",
    FORM + "@tool('Same', form=One)\ndef phmmer(job, word): ...\n": "greeter.tools.phmmer also has a tool 'phmmer'",
    FORM
    + "@tool('Lib', form=One, libraries=['numpyy'])\ndef lib(job, word): ...\n": "'numpyy', which is not installed",
    "from greeter.tools.zz_package import x\n": "zz_package/part.py, line 2: ZeroDivisionError: division by zero",
    "from greeter.tools.zz_helper import x\n": "zz_helper.py, line 2: ZeroDivisionError: division by zero",
}


def site(folder: Path, **settings: Any) -> Flask:
    """Create the web application."""
    return create_app(Settings(data_dir=folder, redis_url=f"redis://127.0.0.1:{free_port()}/0", **settings))


@pytest.mark.parametrize(("source", "problem"), PROBLEMS.items(), ids=PROBLEMS.values())
def test_a_file_that_cannot_be_used_is_left_out(
    source: str, problem: str, tool_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """All other tools are loaded. The problem is one line that names the line of the file, and it is in the log."""
    (tool_folder / "zz_broken.py").write_text(source)
    (tool_folder / "zz_fine.py").write_text(FINE)
    (tool_folder / "zz_helper.py").write_text("y = 0\nx = 1 / y\n")
    package = tool_folder / "zz_package"
    package.mkdir()
    (package / "__init__.py").write_text("from greeter.tools.zz_package.part import x\n")
    (package / "part.py").write_text("y = 0\nx = 1 / y\n")
    found = {file.name: file for file in tools.read()}
    assert "zz_broken" not in caplog.text
    assert problem in found["zz_broken.py"].problem
    assert "\n" not in found["zz_broken.py"].problem
    assert not found["zz_broken.py"].tools
    assert {"fine", "phmmer", "expensive_greet"} <= set(tools.usable(found.values()))
    assert found["greet.py"].problem == ""
    assert {"fine", "phmmer", "expensive_greet"} <= set(tools.load())
    assert caplog.text.count(f"left out the tools in zz_broken.py: {found['zz_broken.py'].problem}") == 1


def test_a_file_that_cannot_be_used_has_a_card(
    tool_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The card has the problem, the log too, and the other tools work."""
    (tool_folder / "zz_broken.py").write_text("raise ValueError('<b>')")
    client = site(tmp_path).test_client()
    assert "left out the tools in zz_broken.py: line 1: ValueError: <b>" in caplog.text
    page = client.get("/").text
    assert "<h2>zz_broken.py</h2>" in page
    assert "<code>line 1: ValueError: &lt;b&gt;</code>" in page
    assert client.get("/tools/expensive_greet").status_code == 200


def test_a_public_site_hides_files_that_cannot_be_used(tool_folder: Path, tmp_path: Path) -> None:
    """The problem is not for visitors."""
    (tool_folder / "zz_broken.py").write_text("import numpyy")
    page = site(tmp_path, production=True).test_client().get("/").text
    assert "/tools/phmmer" in page
    assert "zz_broken" not in page


@pytest.mark.slow
def test_readiness_has_a_notice_about_files_that_cannot_be_used(
    tool_folder: Path, own_installation: Installation
) -> None:
    """The site is ready, because all other tools work."""
    own_installation.start("redis", "worker")
    (tool_folder / "zz_broken.py").write_text("import numpyy")
    client = create_app(own_installation.settings).test_client()
    ready = wait_for(lambda: (answer := client.get("/health/ready")).status_code == 200 and answer)
    assert "The tools in zz_broken.py cannot be used" in ready.json["notice"]
    assert client.get("/health/live").json == {"status": "ok"}
