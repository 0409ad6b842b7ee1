"""Commands for the reference databases that there are. Nothing needs a restart."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EXDEV
from subprocess import CalledProcessError

import click

from greeter.jobs.errors import UNAVAILABLE
from greeter.toolkit.database import Database
from greeter.web.commands import bp
from greeter.web.services import services

_OTHER_DISK = "The folder of this database is on another disk. Instead of it, make `databases` a symbolic link"


@contextmanager
def explained(done: str) -> Iterator[None]:
    """Explain an error of the disk, or of a program that makes an index."""
    try:
        yield
    except (OSError, CalledProcessError) as error:
        advice = f"Nothing was {done}. Correct this, and run the command again."
        problem = _OTHER_DISK if getattr(error, "errno", None) == EXDEV else str(error).removesuffix(".")
        raise click.ClickException(f"{problem}. {advice}") from None


def allow(name: str) -> None:
    """Let new jobs name a version. While Redis is unavailable, they can an hour after it was last to be removed."""
    with suppress(*UNAVAILABLE):
        services().jobs.store.inputs.allow(name)


def line_of(database: Database) -> str:
    """Describe a database in a line."""
    return ", ".join(filter(None, [f"{database.name}: {database.title}", database.kind, database.size]))


@bp.cli.command("list-databases")
@click.option("--check", is_flag=True, help="Exit with status 1 if a file is not as it was when it was added.")
def list_databases(*, check: bool) -> None:
    """List the databases, and how many jobs name each version."""
    damaged = False
    for database in services().databases.published():
        try:
            jobs = f"jobs that name it: {services().jobs.store.inputs.count_jobs(database.name)}"
        except UNAVAILABLE:
            jobs = "jobs that name it: unknown, Redis does not answer"
        notes = ["default"] * database.default + [f"paused: {database.paused}"] * bool(database.paused)
        if changed := database.changed_files() if check else []:
            damaged = True
            notes.append(f"damaged, add it again as another version: {', '.join(changed)}")
        click.echo("; ".join([line_of(database), jobs, *notes]))
    sys.exit(damaged)


@bp.cli.command("prefer-database")
@click.argument("name")
def prefer_database(name: str) -> None:
    """Make the database of a version, such as swissprot/2026_04, the default in forms."""
    database = _find(name)
    with explained("changed"):
        services().databases.prefer(database)
    click.echo(f"Forms choose the newest version of {database.id} that is not paused.")


@bp.cli.command("pause-database")
@click.argument("name")
@click.option("--reason", prompt=True, help="A sentence that forms show, such as 'It is damaged. Use 2026_05.'")
def pause_database(name: str, reason: str) -> None:
    """Stop offering a version to new jobs, such as swissprot/2026_04. Waiting and running jobs continue."""
    if not reason.strip():
        raise click.UsageError("Give a reason. Forms show it.")
    with explained("changed"):
        services().databases.pause(_find(name), reason)
    click.echo(f"Paused {name}. Forms show the reason.")


@bp.cli.command("resume-database")
@click.argument("name")
def resume_database(name: str) -> None:
    """Let new jobs use a version again that was paused."""
    with explained("changed"):
        services().databases.pause(_find(name), "")
    click.echo(f"New jobs can use {name} again.")


@bp.cli.command("remove-database")
@click.argument("name")
def remove_database(name: str) -> None:
    """Remove a version, such as swissprot/2026_03, unless a job names it."""
    database = _find(name)
    try:
        jobs = services().jobs.store.inputs.forbid(name)
    except UNAVAILABLE as error:
        problem = f"Redis cannot be used, so jobs may still name it: {error}."
        raise click.ClickException(f"{problem} Try again when Redis is available.") from None
    if jobs:
        days = services().settings.retention_days
        raise click.ClickException(
            f"Jobs that name {name}: {jobs}, including ended ones that are still kept. Pause it with "
            f"`flask pause-database`, and try again when they are gone: {days} days after the last of them ended."
        )
    try:
        with explained("removed"):
            services().databases.remove(database)
    finally:
        if database.folder.exists():
            allow(name)
    click.echo(f"Removed {name}.")


def _find(name: str) -> Database:
    """Find a version that the operator may change."""
    database = services().databases.find(name)
    if database is None:
        raise click.ClickException(f"{name} does not exist. `flask list-databases` lists all databases.")
    if services().databases.is_shipped(database):
        raise click.ClickException(f"{name} comes with greeter. Remove the folder {database.folder} instead.")
    return database
