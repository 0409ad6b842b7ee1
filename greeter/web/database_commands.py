"""Commands for the reference databases. `add-database` works while everything runs; nothing needs a restart."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from subprocess import CalledProcessError

import click
from flask import Flask
from flask.cli import with_appcontext

from greeter.jobs.databases import VersionExists
from greeter.jobs.errors import UNAVAILABLE
from greeter.jobs.staging import staged
from greeter.toolkit import DatabaseField, ToolError
from greeter.toolkit.database import NAME, Database
from greeter.toolkit.database_build import build, receive
from greeter.web.services import services

_STDIN = Path("-")


def init_app(app: Flask) -> None:
    """Add the commands to `flask`."""
    for command in (add_database, list_databases, pause_database, resume_database, remove_database):
        app.cli.add_command(command)


@click.command("add-database")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--id", "id_", required=True, help="Such as swissprot.")
@click.option("--version", required=True, help="Such as 2026_04. A version is never changed: add a new one instead.")
@click.option("--kind", default="protein", show_default=True, help="protein, dna, rna, or a kind that a tool names.")
@click.option("--title", help="Such as Swiss-Prot. Default: the id.")
@click.option("--description", default="", help="A sentence about it.")
@click.option("--source", default="", help="The address from which you downloaded it.")
@click.option("--licence", default="", help="Such as 'CC BY 4.0'.")
@click.option("--released", type=click.DateTime(["%Y-%m-%d"]), help="The date of the release, such as 2026-10-14.")
@click.option(
    "--default", is_flag=True, help="Let forms choose it, and later its newer versions, unless the user does."
)
@with_appcontext
def add_database(
    file: Path, id_: str, version: str, kind: str, title: str | None, released: date | None, **about: str
) -> None:
    """Check a file, index it, and let jobs use it.

    The FILE may be a gzip file. With - as FILE, a gzip file is read from standard input:
    curl -fL ADDRESS | flask add-database - --id swissprot --version 2026_04
    """
    fields = _fields(kind)
    if not NAME.fullmatch(f"{id_}/{version}"):
        raise click.UsageError("An id has up to 40 of a-z, 0-9, _ and -; a version may also have A-Z and the dot.")
    if not fields:
        raise click.UsageError(f"No tool uses databases of the kind {kind!r}.")
    databases = services().databases
    if databases.find(f"{id_}/{version}"):
        raise _exists(id_, version)
    try:
        with _explained("added"), staged(databases.root) as parent:
            source = receive(sys.stdin.buffer, parent / id_) if file == _STDIN else file
            folder = parent / ".new"  # which no id is
            folder.mkdir()
            made = build(source, folder, kind, fields)
            known = {"id": id_, "version": version, "title": title or id_, "kind": kind, **about, **made}
            known["released"] = f"{released:%Y-%m-%d}" if released else ""
            with suppress(*UNAVAILABLE):  # then jobs can name it at most an hour later
                services().jobs.store.naming.allow(f"{id_}/{version}")
            database = Database.of(known, databases.root)
            if database.default:
                databases.prefer(database)  # first: if this fails, the command can be run again
            databases.publish(folder, database)
    except ToolError as error:
        raise click.ClickException(f"{file}: {error} Nothing was added.") from None
    except VersionExists:
        raise _exists(id_, version) from None
    click.echo(f"Added {_line(database)}. Forms offer it now.")


@contextmanager
def _explained(done: str) -> Iterator[None]:
    """Explain an error of the disk, or of a program that makes an index."""
    try:
        yield
    except (OSError, CalledProcessError) as error:
        advice = f"Nothing was {done}. Correct this, and run the command again."
        raise click.ClickException(f"{str(error).removesuffix('.')}. {advice}") from None


def _exists(id_: str, version: str) -> click.ClickException:
    return click.ClickException(f"There is {id_}/{version} already. Give this one another version.")


def _fields(kind: str) -> list[DatabaseField]:
    """Return the fields of all tools that take a kind of database."""
    fields = [field for tool in services().tools.values() for field in tool.form()]
    return [field for field in fields if isinstance(field, DatabaseField) and field.kind == kind]


@click.command("list-databases")
@with_appcontext
def list_databases() -> None:
    """List the databases, and how many jobs name each version."""
    for database in services().databases.published():
        try:
            jobs = f"jobs that name it: {services().jobs.store.naming.count(database.name)}"
        except UNAVAILABLE:
            jobs = "jobs that name it: unknown, Redis does not answer"
        notes = ["default"] * database.default + [f"paused: {database.paused}"] * bool(database.paused)
        click.echo("; ".join([_line(database), jobs, *notes]))


def _line(database: Database) -> str:
    return ", ".join(filter(None, [f"{database.name}: {database.title}", database.kind, database.size]))


@click.command("pause-database")
@click.argument("name")
@click.option("--reason", prompt=True, help="A sentence that forms show, such as 'It is damaged. Use 2026_05.'")
@with_appcontext
def pause_database(name: str, reason: str) -> None:
    """Let no new job use a version, such as swissprot/2026_04. Jobs that wait or run go on."""
    if not reason.strip():
        raise click.UsageError("Give a reason. Forms show it.")
    with _explained("changed"):
        services().databases.pause(_find(name), reason)
    click.echo(f"Paused {name}. Forms show the reason.")


@click.command("resume-database")
@click.argument("name")
@with_appcontext
def resume_database(name: str) -> None:
    """Let new jobs use a version again that was paused."""
    with _explained("changed"):
        services().databases.pause(_find(name), "")
    click.echo(f"New jobs can use {name} again.")


@click.command("remove-database")
@click.argument("name")
@with_appcontext
def remove_database(name: str) -> None:
    """Remove a version, such as swissprot/2026_03, unless a job names it."""
    database = _find(name)
    try:
        jobs = services().jobs.store.naming.forbid(name)
    except UNAVAILABLE as error:
        raise click.ClickException(f"Redis, which knows whether a job names it, cannot be used: {error}") from None
    if jobs:
        days = services().settings.retention_days
        raise click.ClickException(
            f"Jobs that name {name}: {jobs}, with ended ones whose input can be used again. Pause it with "
            f"`flask pause-database`, and try again when they are gone: {days} days after the last of them ended."
        )
    with _explained("removed"):
        services().databases.remove(database)
    click.echo(f"Removed {name}.")


def _find(name: str) -> Database:
    """Find a version that the operator may change."""
    database = services().databases.find(name)
    if database is None:
        raise click.ClickException(f"There is no {name}. `flask list-databases` lists what there is.")
    if services().databases.is_shipped(database):
        raise click.ClickException(f"{name} comes with greeter. Remove the folder {database.folder} instead.")
    return database
