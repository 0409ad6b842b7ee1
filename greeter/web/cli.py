"""What whoever keeps the site runs by hand: `honcho run flask COMMAND`, so that .env is read."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import Any

import click
from flask import Flask
from flask.cli import with_appcontext

from greeter.jobs.errors import UNAVAILABLE, JobNotFound, QueueFull
from greeter.toolkit import ProteinFastaField
from greeter.toolkit.tool import Tool
from greeter.web.forms import make_form
from greeter.web.services import services


def init_app(app: Flask) -> None:
    """Add the commands to `flask`."""
    for command in (check_settings, selftest, keep_sample):
        app.cli.add_command(command)


@click.command("check-settings")
def check_settings() -> None:
    """Say whether the settings can be used."""
    # Otherwise there would be no app: Settings.load() ends the process, with the list of what is wrong.
    click.echo("The settings can be used.")


@click.command()
@click.option("--seconds", default=300, show_default=True, help="How long each job may wait and run.")
@with_appcontext
def selftest(seconds: int) -> None:
    """Run the example of each tool through the queue, and compare its result with the tool's sample."""
    wrong = False
    for tool in services().tools.values():
        began = time.monotonic()
        try:
            problem = _try(tool, seconds)
        except (QueueFull, *UNAVAILABLE, OSError) as error:
            problem = f"{type(error).__name__}: ask /health/ready, then look into the log"
        as_expected = (
            "as the sample" if services().samples.of(tool.name) else "finished, with no sample to compare with"
        )
        said = problem or as_expected
        click.echo(f"{tool.name}: {said}, {time.monotonic() - began:.1f} s")
        wrong = wrong or bool(problem)
    sys.exit(wrong)


def _try(tool: Tool, seconds: int) -> str:
    """Run the example of a tool, and return what is wrong with its result."""
    job_id = services().jobs.submit(tool, _example(tool))
    end = time.monotonic() + seconds
    try:
        while (record := services().jobs.store.find(job_id)).active:
            if time.monotonic() > end:
                return f"still {record.phase}, with {record.workers} workers: ask /health/ready, then look into the log"
            time.sleep(0.1)
        if record.phase != "finished":
            return f"{record.phase}: look into the log for {record.reference}"
        sample = services().samples.of(tool.name)
        differs = sample and record.result != services().samples.find(sample).result
        return "another result than the sample's: run the example, and see where it differs" if differs else ""
    finally:
        with suppress(JobNotFound, *UNAVAILABLE):
            services().jobs.cancel(job_id)
            services().jobs.delete(job_id)


def _example(tool: Tool) -> dict[str, Any]:
    """The example's parameters as a form would give them."""
    form = make_form(tool, data=tool.example)
    return {
        field.name: field.data.encode() if isinstance(field, ProteinFastaField) and field.data else field.data
        for field in form
    }


@click.command()
@click.argument("job_id")
@with_appcontext
def keep_sample(job_id: str) -> None:
    """Make a finished job the sample of its tool, which the site shows for ever and selftest compares with."""
    try:
        record = services().jobs.store.find(job_id)
    except JobNotFound:
        raise click.ClickException("There is no such job. Copy the id from the address of its page.") from None
    if record.phase != "finished":
        raise click.ClickException(f"This job is {record.phase}. A sample should be finished: choose another job.")
    sample = services().samples.keep(services().jobs.store, job_id)
    click.echo(f"Kept as /jobs/{sample}; commit its folder in greeter/tools/samples.")
