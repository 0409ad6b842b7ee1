"""What whoever keeps the site runs by hand: `honcho run flask COMMAND`, so that .env is read."""

import click
from flask import Flask
from flask.cli import with_appcontext

from greeter.core.errors import JobNotFound
from greeter.web.site import site


def init_app(app: Flask) -> None:
    """Add the commands to `flask`."""
    app.cli.add_command(keep_sample)


@click.command()
@click.argument("job_id")
@with_appcontext
def keep_sample(job_id: str) -> None:
    """Make a finished job the sample result of its tool, which the help page shows for ever."""
    try:
        record = site().queue.store.find(job_id)
    except JobNotFound:
        raise click.ClickException("There is no such job. Copy the id from the address of its page.") from None
    if record.phase != "finished":
        raise click.ClickException(f"This job is {record.phase}. A sample should be finished: choose another job.")
    click.echo(
        f"Kept as /jobs/{site().samples.keep(site().queue.store, job_id)}; commit its folder in greeter/tools/samples."
    )
