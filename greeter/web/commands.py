"""What whoever operates the site asks on the command line: `honcho run flask check-settings`."""

from __future__ import annotations

import click
from flask import Flask


def init_app(app: Flask) -> None:
    """Add the commands to the app."""
    app.cli.add_command(check_settings)


@click.command("check-settings")
def check_settings() -> None:
    """Say whether the settings can be used."""
    # Otherwise there would be no app: Settings.load() ends the process, with the list of what is wrong.
    click.echo("The settings can be used.")
