"""Tests of templates of tools that have mistakes."""

from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import ChoiceLoader, FileSystemLoader

from greeter import create_app
from greeter.settings import Settings
from tests.conftest import free_port

PAGES = {
    "_help": ("/help", 'id="privacy"'),
    "_about": ("/tools/expensive_greet", "Usually takes seconds."),
    "_result": ("/jobs/sample-expensive_greet", "<dd>Greetings, Ada Lovelace!</dd>"),  # as without a template
}
MISTAKES = {
    "{{ nothing.at_all }}": "line 1: UndefinedError: 'nothing' is undefined",
    "\n{% if %}": "line 2: TemplateSyntaxError: Expected an expression",
    "{% include '_none.html' %}": "line 1: TemplateNotFound: _none.html",
    "{{ 1|unknown }}": "line 1: TemplateAssertionError: No filter named",
    "\n\n{{ 1 // 0 }}": "line 3: ZeroDivisionError",
}


def break_template(app: Flask, folder: Path, name: str, source: str) -> None:
    """Replace a template of the greeting."""
    project = app.jinja_loader
    assert project
    path = folder / f"templates/tools/expensive_greet/{name}.html"
    path.parent.mkdir(parents=True)
    path.write_text(source)
    app.jinja_loader = ChoiceLoader([FileSystemLoader(folder / "templates"), project])


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("name", PAGES)
def test_a_mistake_in_a_template_of_a_tool_leaves_the_page(
    app: Flask, client: FlaskClient, caplog: pytest.LogCaptureFixture, tmp_path: Path, name: str, mistake: str
) -> None:
    """And what is before and after it. The page says which line is wrong, and the log has the traceback."""
    break_template(app, tmp_path, name, mistake)
    address, rest = PAGES[name]
    answer = client.get(address)
    assert (answer.status_code, rest in answer.text) == (200, True)
    assert "Something went wrong on our side" in answer.text
    assert f"templates/tools/expensive_greet/{name}.html, {MISTAKES[mistake]}" in answer.text.replace("&#39;", "'")
    assert f"a mistake in templates/tools/expensive_greet/{name}.html" in caplog.text


def test_a_public_page_does_not_show_the_mistake(tmp_path: Path) -> None:
    """It has the reference."""
    url = f"redis://:{'s' * 40}@127.0.0.1:{free_port()}/0"
    app = create_app(Settings(data_dir=tmp_path, redis_url=url, production=True))
    break_template(app, tmp_path, "_help", "{{ nothing.at_all }}")
    page = app.test_client().get("/help").text
    assert "Something went wrong on our side" in page
    assert "nothing" not in page.partition('id="expensive_greet"')[2].partition("<h2")[0]


def test_an_error_of_a_disk_is_no_mistake(app: Flask, client: FlaskClient, tmp_path: Path) -> None:
    """The page is unavailable for a while, as if another part of it had met the error."""
    break_template(app, tmp_path, "_help", "{{ fail() }}")

    def fail() -> None:
        raise TimeoutError(110, "Connection timed out")

    app.jinja_env.globals["fail"] = fail
    assert client.get("/help").status_code == 503
