"""The command `flask check-tools`. It needs no web server, worker or Redis."""

import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import click
from flask import current_app
from jinja2 import BaseLoader, TemplateSyntaxError, meta

from greeter.jobs.params import paths_in
from greeter.toolkit.tool import Params, Tool
from greeter.web.commands import bp
from greeter.web.commands.execution import submitted_form
from greeter.web.input.forms import make_form
from greeter.web.job_context import JobContext
from greeter.web.services import services

# The variables of the templates that a tool may have, in addition to those of every template. What others of its
# templates get depends on where they are included.
_VARIABLES = {
    "_result.html": {*JobContext.__annotations__},
    "_about.html": {"tool", "form", "label", "token", "problem", "limit"},
    "_help.html": {"tool", "tools"},
}


@bp.cli.command("check-tools")
def check_tools() -> None:
    """Check each file in greeter/tools/, and the templates of its tools.

    Exits with status 1 if there are errors.
    """
    wrong = False
    for file in services().files:
        problem = file.problem or " ".join(problem for tool in file.tools for problem in _problems(tool))
        names = ", ".join(tool.name for tool in file.tools) or "no tool"
        click.echo(f"{file.name}: {'error, ' + problem if problem else 'OK, ' + names}")
        wrong = wrong or bool(problem)
    for folder in sorted(_template_folders() - set(services().tools)):
        click.echo(f"templates/tools/{folder}: error, no tool has this name. Rename or remove the folder.")
        wrong = True
    sys.exit(wrong)


def _problems(tool: Tool) -> Iterator[str]:
    """Find what is wrong with a tool that can be imported."""
    if not tool.summary:
        yield f"{tool.name} has no docstring. Write one: the front page shows its first line."
    try:
        form = make_form(tool)
        for field in form:
            field()
        form.validate()  # the messages do not matter
    except Exception as error:
        yield f"The form of {tool.name} cannot be used: {type(error).__name__}: {error}. Correct its fields."
    else:
        yield from _example_problems(tool)
    for name in current_app.jinja_env.list_templates():
        if name.startswith(f"tools/{tool.name}/"):
            yield from _template_problems(name)


def _example_problems(tool: Tool) -> Iterator[str]:
    """Find why the example of a tool could not be submitted."""
    for name in tool.example.keys() - tool.form()._fields:
        yield f"The example of {tool.name} has a value for {name}, which is not a field of its form. Remove it."
    missing = [path for value in tool.example.values() for path in paths_in(value) if not path.is_file()]
    for path in missing:
        yield f"The example of {tool.name} needs {path}, which does not exist. Add this file."
    if tool.example and not missing:
        with TemporaryDirectory() as folder, suppress(click.UsageError):  # about fields inside other fields
            form = submitted_form(tool, {}, tool.example, Path(folder))
            if form.validate():
                yield from _memory_problems(tool, form.data)
            for field in form:
                for error in field.errors[:1]:
                    yield f"The form of {tool.name} does not accept the example: {field.label.text}: {error}"


def _memory_problems(tool: Tool, params: Params) -> Iterator[str]:
    """Find whether the estimate of the memory would make each submission fail."""
    try:
        tool.memory_problem(params, 0)
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
        advice = "It must return a MemoryNeed."
        yield f"The function for the memory of {tool.name} fails on the example: {problem}. {advice}"


def _template_problems(name: str) -> Iterator[str]:
    templates = current_app.jinja_env
    try:
        templates.get_template(name)
    except TemplateSyntaxError as error:
        yield f"templates/{name}, line {error.lineno}: {error.message}"
        return
    tree = templates.parse(cast(BaseLoader, templates.loader).get_source(templates, name)[0])
    for other in meta.find_referenced_templates(tree):
        if other not in (None, *templates.list_templates()):
            yield f"templates/{name} includes {other}, which does not exist."
    if given := _VARIABLES.get(name.rpartition("/")[2]):
        common: dict[str, object] = {}
        current_app.update_template_context(common)
        for unknown in sorted(meta.find_undeclared_variables(tree) - given - set(common) - set(templates.globals)):
            yield f"templates/{name} uses {unknown}, which does not exist. Check its spelling."


def _template_folders() -> set[str]:
    parts = (name.split("/") for name in current_app.jinja_env.list_templates())
    return {part[1] for part in parts if part[0] == "tools"}
