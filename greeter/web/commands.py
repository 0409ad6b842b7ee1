"""What whoever operates the site asks on the command line: `honcho run flask check-settings`, or selftest."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import Any

import click
from flask import Flask
from flask.cli import with_appcontext

from greeter.core.errors import JobNotFound, QueueFull
from greeter.core.fasta import FastaField
from greeter.core.queue import UNAVAILABLE
from greeter.core.tool import Tool
from greeter.web.forms import make_form
from greeter.web.site import site


def init_app(app: Flask) -> None:
    """Add the commands to the app."""
    app.cli.add_command(check_settings)
    app.cli.add_command(selftest)


@click.command("check-settings")
def check_settings() -> None:
    """Say whether the settings can be used."""
    # Otherwise there would be no app: Settings.load() ends the process, with the list of what is wrong.
    click.echo("The settings can be used.")


@click.command()
@click.option("--seconds", default=300, show_default=True, help="How long each job may wait and run.")
@with_appcontext
def selftest(seconds: int) -> None:
    """Run the example of each tool through the queue, and compare its result with the one that is known."""
    wrong = False
    for tool in site().tools.values():
        began = time.monotonic()
        try:
            problem = _try(tool, seconds)
        except (QueueFull, *UNAVAILABLE, OSError) as error:
            problem = f"{type(error).__name__}: ask /health/ready, then look into the log"
        click.echo(f"{tool.name}: {problem or 'as expected'}, {time.monotonic() - began:.1f} s")
        wrong = wrong or bool(problem)
    sys.exit(wrong)


def _try(tool: Tool, seconds: int) -> str:
    """Run the example of a tool, and return what is wrong with its result."""
    job_id = site().queue.submit(tool, _example(tool))
    end = time.monotonic() + seconds
    try:
        while (record := site().queue.store.find(job_id)).active:
            if time.monotonic() > end:
                return f"still {record.phase}, with {record.workers} workers: ask /health/ready, then look into the log"
            time.sleep(0.1)
        if record.phase != "finished":
            return f"{record.phase}: look into the log for {record.reference}"
        differing = [name for name, value in tool.expect.items() if record.result.get(name) != value]
        return f"another {' and '.join(differing)} than expected" if differing else ""
    finally:
        with suppress(JobNotFound, *UNAVAILABLE):
            site().queue.cancel(job_id)
            site().queue.delete(job_id)


def _example(tool: Tool) -> dict[str, Any]:
    """The example's parameters as a form would give them."""
    form = make_form(tool, site().settings, data=tool.example)
    return {
        field.name: field.data.encode() if isinstance(field, FastaField) and field.data else field.data
        for field in form
    }
