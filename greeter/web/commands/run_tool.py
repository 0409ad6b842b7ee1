"""The command `flask run-tool`, which runs a tool in the shell. It needs no web server, worker or Redis."""

import json
from functools import partial

import click
from flask.cli import ScriptInfo
from wtforms import BooleanField, Field

from greeter.toolkit import FileField
from greeter.toolkit.job import Fallback
from greeter.toolkit.tool import Tool
from greeter.web.commands import bp
from greeter.web.commands.execution import Given, execute
from greeter.web.services import Services


class _Tools(click.Group):
    """A subcommand for each tool, with an option for each field of its form."""

    def list_commands(self, context: click.Context) -> list[str]:
        """List the names of the tools."""
        return sorted(self._services(context).tools)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Return the command that runs a tool."""
        tool = self._services(context).tools.get(name)
        if tool is None:
            for file in self._services(context).unusable:
                click.echo(f"The tools in {file.name} cannot be used: {file.problem}", err=True)
            return None
        example = click.Option(["_example", "--with-example"], is_flag=True, help="Use the example for other fields.")
        options: list[click.Parameter] = [*map(_option, tool.form()), example]
        return click.Command(name, params=options, callback=partial(_run, tool), help=tool.summary)

    def _services(self, context: click.Context) -> Services:
        found: Services = context.ensure_object(ScriptInfo).load_app().extensions["greeter"]
        return found


@bp.cli.command("run-tool", cls=_Tools)
def run_tool() -> None:
    """Run a tool in this shell, without time limits. Its options are the fields of its form.

    Ctrl-C has the effect of the time limit: it raises SoftTimeLimitExceeded in the tool. A second one ends the tool.
    """


def _option(field: Field) -> click.Option:
    name = str(field.name)
    text = " - ".join(filter(None, [field.label.text, field.description]))
    if isinstance(field, BooleanField):
        return click.Option([name, f"--{name}/--no-{name}"], default=None, help=text)
    kind = click.Path(exists=True, dir_okay=False) if isinstance(field, FileField) else click.STRING
    return click.Option([name, f"--{name}"], multiple=True, type=kind, help=text)


def _run(tool: Tool, /, _example: bool, **given: Given) -> None:
    """Run a tool with the values that were given for its fields, checked as on the web."""
    result, files = execute(tool, given, tool.example if _example else {})
    click.echo(json.dumps(result, indent=1, ensure_ascii=False))
    if isinstance(result, Fallback):
        click.echo("This is a partial result.", err=True)
    for file in files:
        click.echo(f"{file.path}  {file.about}".rstrip(), err=True)
