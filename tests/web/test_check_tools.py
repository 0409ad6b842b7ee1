"""Tests of `flask check-tools`."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from flask.cli import FlaskGroup
from jinja2 import ChoiceLoader, FileSystemLoader

from greeter import create_app
from greeter.settings import Settings
from tests.conftest import free_port

TOOL = '''
from wtforms import Form, StringField
from greeter.toolkit import tool

class WordForm(Form):
    word = StringField()

@tool("Echo", form=WordForm)
def zz_echo(job, word):
    """Say a word."""
    return {"word": word}
'''

MISSING_FILE = TOOL.replace("=WordForm)", "=WordForm, example={'word': __import__('pathlib').Path('/none/a.fa')})")


def check(tmp_path: Path) -> tuple[int, list[str]]:
    """Run the command, with the templates in tmp_path as well, and return its exit status and its lines."""
    app = create_app(Settings(data_dir=tmp_path, redis_url=f"redis://127.0.0.1:{free_port()}/0"))
    project = app.jinja_loader
    assert project
    app.jinja_loader = ChoiceLoader([project, FileSystemLoader(tmp_path / "templates")])
    result = app.test_cli_runner().invoke(args=["check-tools"])
    return result.exit_code, result.output.splitlines()


def test_the_tools_of_the_project_are_right(tmp_path: Path) -> None:
    """There is one line for each file or package, and the exit status is 0."""
    status, lines = check(tmp_path)
    assert status == 0, lines
    assert {"greet.py: OK, expensive_greet", "phmmer: OK, phmmer"} <= {*lines}


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("import numpyy", "line 1: ModuleNotFoundError: No module named 'numpyy'"),
        (TOOL.replace("job, word", "job, sentence"), "line 8: TypeError: zz_echo takes ['sentence']"),
        (TOOL.replace('"""Say a word."""', ""), "zz_echo has no docstring. Write one:"),
        (TOOL.replace("=WordForm)", "=WordForm, example={'wrd': 1})"), "The example of zz_echo has a value for wrd,"),
        (
            TOOL.replace("StringField()", "SelectField()").replace("Form, StringField", "Form, SelectField"),
            "The form of zz_echo cannot be used: TypeError: Choices cannot be None",
        ),
        (
            TOOL.replace("StringField()", "StringField('A word', [Length(max=3)])")
            .replace("StringField\n", "StringField\nfrom wtforms.validators import Length\n")
            .replace("=WordForm)", "=WordForm, example={'word': 'long'})"),
            "The form of zz_echo does not accept the example: A word: Shorten this to 3 characters.",
        ),
        (
            TOOL.replace("=WordForm)", "=WordForm, memory=lambda word: 5, example={'word': 'a'})"),
            "The function for the memory of zz_echo fails on the example: AttributeError: 'int' object has no",
        ),
        (MISSING_FILE, "The example of zz_echo needs /none/a.fa, which does not exist."),
    ],
    ids=["import", "form", "docstring", "example", "choices", "refused", "memory", "file"],
)
def test_a_wrong_file_is_named(source: str, problem: str, tool_folder: Path, tmp_path: Path) -> None:
    """The line explains what is wrong, the others stay, and the exit status is 1."""
    (tool_folder / "zz_echo.py").write_text(source)
    status, lines = check(tmp_path)
    assert status == 1
    assert [line for line in lines if line.startswith(f"zz_echo.py: error, {problem}")]
    assert "greet.py: OK, expensive_greet" in lines


@pytest.mark.parametrize("command", [["check-tools"], ["run-tool", "zz_echo"]])
def test_a_wrong_file_is_named_once(
    command: list[str], tool_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The program `flask` says what is wrong, so the log does not, and `run-tool` says why a tool is missing."""
    (tool_folder / "zz_echo.py").write_text("import numpyy")
    settings = Settings(data_dir=tmp_path, redis_url=f"redis://127.0.0.1:{free_port()}/0")
    result = CliRunner().invoke(FlaskGroup(create_app=lambda: create_app(settings)), command)
    assert result.exit_code
    assert (result.output + caplog.text).count("No module named 'numpyy'") == 1


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("{% if %}", "templates/tools/zz_echo/_result.html, line 1: Expected an expression"),
        ("{{ 1|unknown }}", "templates/tools/zz_echo/_result.html, line 1: No filter named 'unknown'"),
        (
            "{% include '_none.html' %}",
            "templates/tools/zz_echo/_result.html includes _none.html, which does not exist.",
        ),
        ("{{ tabel('x') }}", "templates/tools/zz_echo/_result.html uses tabel, which does not exist."),
    ],
    ids=["syntax", "filter", "missing", "helper"],
)
def test_a_wrong_template_is_named(template: str, problem: str, tool_folder: Path, tmp_path: Path) -> None:
    """The templates of a tool are checked with it."""
    (tool_folder / "zz_echo.py").write_text(TOOL)
    path = tmp_path / "templates/tools/zz_echo/_result.html"
    path.parent.mkdir(parents=True)
    path.write_text("{{ record.result.word }} {{ table('x') }} {{ url_for('pages.index') }} {{ settings.contact }}")
    assert "zz_echo.py: OK, zz_echo" in check(tmp_path)[1]
    path.write_text(template)
    status, lines = check(tmp_path)
    assert status == 1
    assert [line for line in lines if line.startswith(f"zz_echo.py: error, {problem}")]


def test_templates_without_a_tool_are_named(tmp_path: Path) -> None:
    """Such as those of a function that was renamed."""
    path = tmp_path / "templates/tools/zz_echo/_result.html"
    path.parent.mkdir(parents=True)
    path.touch()
    assert check(tmp_path)[0] == 1
    assert "templates/tools/zz_echo: error, no tool has this name. Rename or remove the folder." in check(tmp_path)[1]


def test_an_example_whose_file_is_missing_leaves_the_field_empty(tool_folder: Path, tmp_path: Path) -> None:
    """The form is shown all the same."""
    source = MISSING_FILE.replace("StringField", "FileField").replace("from wtforms import Form, FileField", "")
    source = "from wtforms import Form\nfrom greeter.toolkit import FileField\n" + source
    (tool_folder / "zz_echo.py").write_text(source)
    app = create_app(Settings(data_dir=tmp_path, redis_url=f"redis://127.0.0.1:{free_port()}/0"))
    answer = app.test_client().get("/tools/zz_echo?example")
    assert answer.status_code == 200
    assert "kept" not in answer.text
