"""Tests of `flask run-tool`, without Redis."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from greeter import create_app
from greeter.jobs.failures import OUT_OF_MEMORY
from greeter.settings import Settings
from tests.conftest import PATIENCE, ROOT, free_port, wait_for

EXAMPLES = ROOT / "static/examples"
FIELDS = '''
from decimal import Decimal
from wtforms import *
from greeter.toolkit import FileField, SoftTimeLimitExceeded, ToolError, tool

class FieldsForm(Form):
    word = StringField("A word", default="w", description="Any.")
    kind = SelectField(choices=[("a", "A"), ("b", "B")])
    radio = RadioField(choices=["x", "y"], default="y")
    many = SelectMultipleField(choices=["p", "q"])
    yes = BooleanField(default=True)
    when = DateField(validators=[validators.Optional()])
    share = DecimalField(default=Decimal("0.5"))

@tool("Fields", form=FieldsForm, example={"word": "example", "many": ["q"], "yes": False})
def zz_fields(job, word, kind, radio, many, yes, when, share):
    """Return the values."""
    if word == "wrong":
        raise ToolError("This word is wrong. Choose another.")
    if word == "late":
        raise SoftTimeLimitExceeded
    return {name: str(value) for name, value in locals().items() if name != "job"}

class FileForm(Form):
    table = FileField("A file")

@tool("Spoil", form=FileForm)
def zz_spoil(job, table):
    """Change the file."""
    with table.open("a") as file:
        file.write("spoilt")
    return {"size": table.stat().st_size}

class ToolForm(Form):
    program = StringField()

@tool("Runs a program", form=ToolForm, cores=2)
def zz_program(job, program):
    """Run a program, and write a file with its name."""
    if program == "memory":
        raise MemoryError
    job.stage("Running", 1, 2)
    with job.open("name.txt", about="The name of the program.") as file:
        file.write(program)
    job.run([program, "-c", "echo this line is wrong >&2; exit 3"] if program == "sh" else [program])
    return {"cores": job.cores}

class ListForm(Form):
    words = FieldList(StringField(), min_entries=2)

@tool("Takes a list", form=ListForm)
def zz_list(job, words):
    """Take a list."""
'''
SHOWN = {"word": "w", "kind": "a", "radio": "y", "many": "[]", "yes": "True", "when": "None", "share": "0.5"}


@pytest.fixture
def run(tool_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run the command, with the tool zz_fields in addition to the others, and with files below tmp_path."""
    (tool_folder / "zz_fields.py").write_text(FIELDS)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    app = create_app(Settings(data_dir=tmp_path, job_cores=8, redis_url=f"redis://127.0.0.1:{free_port()}/0"))

    def invoke(*args: str | Path) -> Result:
        return app.test_cli_runner().invoke(args=["run-tool", *map(str, args)])

    return invoke


def test_the_result_is_json_and_the_files_are_named(run: Any) -> None:
    """Files are given by path, and standard output has nothing but the result."""
    query, targets = EXAMPLES / "HBB_HUMAN.fa", EXAMPLES / "globins45.fa"
    ended = run("phmmer", "--query", query, "--targets", targets)
    assert ended.exit_code == 0, ended.output
    assert json.loads(ended.stdout)["hits"] == 45
    assert "45/45" in ended.stderr
    (table,) = re.findall(r"^\S+/targets\.tbl", ended.stderr, re.M)
    assert "HBB_CALAR" in Path(table).read_text()


@pytest.mark.parametrize(
    ("options", "values"),
    [
        ([], {}),
        (["--word", "", "--kind", "b", "--radio", "x"], {"word": "", "kind": "b", "radio": "x"}),
        (["--many", "p", "--many", "q", "--no-yes"], {"many": "['p', 'q']", "yes": "False"}),
        (["--when", "2026-01-31", "--share", "0.25"], {"when": "2026-01-31", "share": "0.25"}),
        (["--with-example"], {"word": "example", "many": "['q']", "yes": "False"}),
        (["--with-example", "--word", "own", "--yes"], {"word": "own", "many": "['q']"}),
    ],
)
def test_a_field_has_what_a_browser_would_submit(run: Any, options: list[str], values: dict[str, str]) -> None:
    """What is not given has the value that the form shows: its default, or that of the example."""
    ended = run("zz_fields", *options)
    assert ended.exit_code == 0, ended.output
    assert json.loads(ended.stdout) == SHOWN | values


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["expensive_greet", "--person", "", "--total", "3"], "--person: Fill in this field."),
        (["expensive_greet", "--person", "A", "--total", "x"], "--total: Enter a whole number, such as 10."),
        (["zz_fields", "--kind", "c"], "--kind: Choose one of the options."),
        (["phmmer", "--query", EXAMPLES / "missing.fa"], "does not exist"),
        (["phmmer", "--query", ROOT / "README.md"], "--query: Line 1, "),
        (["no_tool"], "No such command"),
    ],
)
def test_values_are_checked_as_on_the_web(run: Any, options: list[Any], message: str, tmp_path: Path) -> None:
    """The messages are those of the form, and no job is left over."""
    ended = run(*options)
    assert ended.exit_code == 2
    assert message in ended.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["tools"]


def test_a_tool_cannot_change_the_file_that_is_given(run: Any, tmp_path: Path) -> None:
    """It gets a copy."""
    (tmp_path / "own.txt").write_text("kept")
    ended = run("zz_spoil", "--table", tmp_path / "own.txt")
    assert json.loads(ended.stdout) == {"size": len("keptspoilt")}
    assert (tmp_path / "own.txt").read_text() == "kept"


def test_the_commands_of_the_documentation_work(run: Any) -> None:
    """Each `flask run-tool` in docs/developing.md ends with status 0."""
    commands = re.findall(r"^\.venv/bin/flask run-tool (.*)", (ROOT / "docs/developing.md").read_text(), re.M)
    assert len(commands) == 4
    for command in commands:
        arguments = command.replace("static/", f"{ROOT}/static/").replace("--total 5", "--total 1").split()
        assert run(*arguments).exit_code == 0, command


def test_help_lists_the_tools_and_their_fields(run: Any) -> None:
    """Each field is an option with its label and description."""
    assert "phmmer" in run("--help").output
    text = run("zz_fields", "--help").output
    assert "A word - Any." in text
    assert "--yes / --no-yes" in text


def test_an_error_of_the_tool_is_its_message(run: Any) -> None:
    """There is no traceback if the tool raises ToolError, or does not catch its time limit."""
    assert (run("zz_fields", "--word", "wrong").exit_code, run("zz_fields", "--word", "late").exit_code) == (1, 1)
    assert "Error: This word is wrong. Choose another." in run("zz_fields", "--word", "wrong").stderr
    assert "did not catch SoftTimeLimitExceeded" in run("zz_fields", "--word", "late").stderr


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("sh", "failed with exit status 3. The end of its output is below."),
        ("sh", "\nthis line is wrong\n"),
        ("no-such-program", "Error: There is no program 'no-such-program' on this machine. Install it.\n"),
        ("memory", f"Error: {OUT_OF_MEMORY}\n"),
    ],
)
def test_a_program_that_fails_causes_no_traceback(run: Any, program: str, message: str) -> None:
    """The message includes the end of its error output."""
    ended = run("zz_program", "--program", program)
    assert message in ended.stderr
    assert isinstance(ended.exception, SystemExit)


def test_cores_and_files_are_those_of_a_worker(run: Any) -> None:
    """The tool may use as many cores as in a worker, and each file has its sentence."""
    ended = run("zz_program", "--program", "true")
    assert json.loads(ended.stdout) == {"cores": 2}
    assert re.search(r"/outputs/name\.txt  The name of the program\.$", ended.stderr, re.M)


def test_the_progress_bar_has_the_stage(run: Any) -> None:
    """As the page of a job does."""
    assert "Running, stage 1 of 2: " in run("zz_program", "--program", "true").stderr


def test_a_list_of_fields_is_refused(run: Any) -> None:
    """It cannot be an option."""
    assert "The field words has fields of its own, which cannot be options." in run("zz_list").stderr


@pytest.mark.slow
def test_ctrl_c_raises_the_time_limit_in_the_tool(tmp_path: Path) -> None:
    """The tool returns its fallback."""
    log = tmp_path / "log"
    command = [
        str(Path(sys.executable).parent / "flask"),
        "run-tool",
        "expensive_greet",
        "--person",
        "A",
        "--total",
        "1000",
    ]
    environ = os.environ | {"TMPDIR": str(tmp_path)}
    with log.open("w") as stderr:
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=stderr, text=True)
    try:
        wait_for(lambda: re.search(r"\| [1-9]\d*/1000", log.read_text()))
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
        process.wait()
    assert json.loads(output) == {"greeting": "Greetings, fallback!"}
    assert process.returncode == 0
    assert "This is a partial result." in log.read_text()
