"""The table of the README on what a tool can do: each of its examples runs."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from wtforms import Form

from greeter import toolkit
from greeter.toolkit import Job, ToolError
from greeter.tools.greet import expensive_greet
from tests.conftest import ROOT

TABLE = (ROOT / "README.md").read_text().partition("| to | do this |")[2].partition("\n\n")[0]
EXAMPLES = re.findall("`([^`]+)`", TABLE)
DEFINE = "\ndef made(job):\n    pass"


def test_the_table_is_found() -> None:
    """Otherwise, the other tests would have no example."""
    assert len(EXAMPLES) >= 30


@pytest.mark.parametrize("example", [one for one in EXAMPLES if "flask " in one])
def test_commands_exist(app: Flask, example: str) -> None:
    """What needs no finished job runs, with one step so that it is quick."""
    command = shlex.split(example.rpartition("flask ")[2])
    assert command[0] in app.cli.commands
    if command[0] == "run-tool":
        assert app.test_cli_runner().invoke(args=[*command, "--total", "1"]).exit_code == 0


@pytest.mark.parametrize("example", [one for one in EXAMPLES if one.endswith((".py", ".html"))])
def test_files_exist(example: str) -> None:
    """They are those of a tool."""
    folder = "greeter/tools" if example.endswith(".py") else "templates/tools/phmmer"
    assert (ROOT / folder / example.removeprefix("templates/tools/<function>/")).exists()


@pytest.mark.parametrize(
    "example", [one for one in EXAMPLES if "flask " not in one and not one.endswith((".py", ".html")) and one != "_"]
)
def test_code_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, example: str) -> None:
    """With a form, a function, a file and a program where the example leaves them out."""
    program = tmp_path / "seqkit"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    names: dict[str, Any] = {name: getattr(toolkit, name) for name in toolkit.__all__}
    job = Job(tmp_path)
    job.open("stats.txt").close()
    names |= {"job": job, "Path": Path, "Form": Form, "expensive_greet": expensive_greet}
    names |= {"tmp_path": tmp_path, "path": program, "function": print, "read": print}
    if example.startswith("@tool("):
        exec(example.replace("(...", "('Title', form=Form") + DEFINE, names)
        assert names["made"].title == "Title"
    elif example.startswith("raise "):
        with pytest.raises(ToolError):
            exec(example, names)
    else:
        value = eval(example.replace("(..., ", '(["true"], ').replace("(...)", "({})"), names)
        if hasattr(value, "field_class"):  # a field checks its arguments only as part of a form
            type("WithField", (Form,), {"field": value})()
        if hasattr(value, "close"):
            value.close()
