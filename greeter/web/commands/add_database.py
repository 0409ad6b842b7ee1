"""The command that adds a reference database, while everything runs."""

import sys
from datetime import date
from pathlib import Path

import click

from greeter.jobs.databases import VersionExists
from greeter.jobs.staging import staged
from greeter.toolkit import DatabaseField, ToolError
from greeter.toolkit.database import NAME, Database
from greeter.toolkit.database_build import build, receive
from greeter.web.commands import bp
from greeter.web.commands.database_commands import allow, explained, line_of
from greeter.web.services import services

_STDIN = Path("-")


@bp.cli.command("add-database")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--id", "id_", required=True, help="Such as swissprot.")
@click.option("--version", required=True, help="Such as 2026_04. A version is never changed: add a new one instead.")
@click.option("--kind", default="protein", show_default=True, help="protein, dna, rna, any, or one that a tool names.")
@click.option("--title", help="Such as Swiss-Prot. Default: the id.")
@click.option("--description", default="", help="A sentence about it.")
@click.option("--source", default="", help="The address from which you downloaded it.")
@click.option("--licence", default="", help="Such as 'CC BY 4.0'.")
@click.option("--released", type=click.DateTime(["%Y-%m-%d"]), help="The date of the release, such as 2026-10-14.")
@click.option("--default", is_flag=True, help="Make it, and later its newer versions, the default in forms.")
def add_database(
    file: Path, id_: str, version: str, kind: str, title: str | None, released: date | None, **about: str
) -> None:
    """Check a file, index it, and let jobs use it.

    The FILE may be a gzip file. With - as FILE, a gzip file is read from standard input:
    curl -fL ADDRESS | flask add-database - --id swissprot --version 2026_04
    """
    name, fields, databases = f"{id_}/{version}", _fields(kind), services().databases
    if not NAME.fullmatch(name):
        raise click.UsageError("An id has up to 40 of a-z, 0-9, _ and -; a version may also have A-Z and the dot.")
    if not fields:
        raise click.UsageError(f"No tool uses databases of the kind {kind!r}.")
    try:
        if databases.find(name):
            raise VersionExists
        with explained("added"), staged(databases.root) as parent:
            source = receive(sys.stdin.buffer, parent / id_) if file == _STDIN else file
            folder = parent / ".new"  # which no id is
            folder.mkdir()
            made = build(source, folder, kind, fields)
            known = {"id": id_, "version": version, "title": title or id_, "kind": kind, **about, **made}
            known["released"] = f"{released:%Y-%m-%d}" if released else ""
            allow(name)
            database = Database.from_description(known, databases.root)
            if database.default:
                databases.prefer(database)  # first: if this fails, the command can be run again
            databases.publish(folder, database)
    except ToolError as error:
        raise click.ClickException(f"{file}: {error} Nothing was added.") from None
    except VersionExists:
        raise click.ClickException(f"{name} already exists. Choose another version.") from None
    click.echo(f"Added {line_of(database)}. Forms offer it now.")


def _fields(kind: str) -> list[DatabaseField]:
    """Return the fields of all tools that take a kind of database."""
    fields = [field for tool in services().tools.values() for field in tool.form()]
    return [field for field in fields if isinstance(field, DatabaseField) and field.kind == kind]
