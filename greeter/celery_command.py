"""Celery's commands `worker` and `flower`: `python -m greeter.celery_command --app greeter.worker worker`.

The command `celery` does the same in 5 to 10 MiB more: it loads all its other commands, so that a worker has Flower in
its memory, and both have a shell.
"""

from importlib import import_module

import click
from celery.app.utils import find_app
from celery.bin.base import CLIContext

from greeter.output import open_missing_streams

_MODULES = {"worker": "celery.bin.worker", "flower": "flower.command"}


class _Commands(click.Group):
    """The commands, of which only the one that is used is loaded."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names."""
        return list(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command."""
        module = _MODULES.get(cmd_name)
        return getattr(import_module(module), cmd_name) if module else None


@click.group(cls=_Commands)
@click.option("--app", required=True, help="The module of the app.")
@click.pass_context
def main(ctx: click.Context, app: str) -> None:
    """Run a worker or Flower."""
    open_missing_streams()
    ctx.obj = CLIContext(find_app(app), no_color=True, workdir=None, quiet=True)


if __name__ == "__main__":
    main()
