"""The reference databases on disk: `databases/<id>/<version>/` has the files of a version and `database.json`.

A version appears with all its files at once, and these never change. Only `database.json` is replaced, as a whole, when
the version is paused, or when the default changes. Names that start with a dot belong to `staging`.
"""

import json
import logging
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from errno import EEXIST, ENOTEMPTY
from pathlib import Path

from greeter.jobs.files.probe import NoAnswer, Probe
from greeter.jobs.files.trees import sync_path, sync_tree
from greeter.jobs.staging import staged
from greeter.toolkit.database import ABOUT, Database
from greeter.toolkit.json_types import JSON

SHIPPED = Path(__file__).parents[1] / "databases"
log = logging.getLogger(__name__)


class VersionExists(Exception):
    """There is a version with this name already."""


class Databases:
    """The databases of a site. Processes on any host may add some at any time."""

    def __init__(self, data_dir: Path) -> None:
        self.root = data_dir / "databases"  # it need not exist
        self._probe = Probe(self._read)
        self._last: list[Database] = []

    def published(self) -> list[Database]:
        """Return all versions: the databases by title, those that come with the code last, the newest version first.

        While the disk does not answer, return the list that this process read last.
        """
        with suppress(NoAnswer):
            self._last = self._probe.fresh()
        return self._last

    def find(self, name: str) -> Database | None:
        """Return the version with this name, such as "swissprot/2026_04", or None."""
        return next((database for database in self.published() if database.name == name), None)

    def from_record(self, recorded: Mapping[str, Mapping[str, JSON]]) -> dict[str, Database]:
        """Restore the databases stored in a job's record, with their local paths. The files may have been removed."""
        return {name: self._place(Database.from_description(about, self.root)) for name, about in recorded.items()}

    def is_shipped(self, database: Database) -> bool:
        """Return whether a version comes with the code. Nothing is changed there."""
        return database.folder.is_relative_to(SHIPPED)

    def publish(self, folder: Path, database: Database) -> Database:
        """Publish a new version atomically, with all files in its folder, which `staged` has created.

        Raises:
            VersionExists: There is one already. It is not changed.
            OSError: The disk is full.
        """
        (folder / ABOUT).write_text(_json(database), encoding="utf-8")
        folder.chmod(0o755)
        sync_tree(folder)
        target = self.root / database.id / database.version
        target.parent.mkdir(exist_ok=True)
        try:
            folder.rename(target)
        except OSError as error:
            if error.errno in (EEXIST, ENOTEMPTY):
                raise VersionExists from None
            raise
        for parent in (target.parent, self.root):
            sync_path(parent)
        return replace(database, folder=target)

    def pause(self, database: Database, reason: str) -> None:
        """Stop offering a version to new jobs. Forms show the reason; an empty one makes it available again."""
        _describe(replace(database, paused=reason))

    def prefer(self, database: Database) -> None:
        """Make a database, with all its versions, the default of its kind."""
        for other in self.published():
            default = other.id == database.id
            if other.kind == database.kind and other.default != default and not self.is_shipped(other):
                _describe(replace(other, default=default))

    def remove(self, database: Database) -> None:
        """Remove a version. It disappears from all lists before its first file is removed."""
        with staged(self.root) as gone:
            database.folder.rename(gone / database.version)
            with suppress(OSError):  # there are other versions
                database.folder.parent.rmdir()

    def _place(self, database: Database) -> Database:
        shipped = SHIPPED / database.name
        return replace(database, folder=shipped) if shipped.exists() and not database.folder.exists() else database

    def _read(self) -> list[Database]:
        own = _read(self.root)
        names = {database.name for database in own}
        return own + [one for one in _read(SHIPPED) if one.name not in names]


def _read(root: Path) -> list[Database]:
    found = []
    for folder in root.glob("[!.]*/[!.]*"):
        try:
            found.append(Database.read(folder))
        except (OSError, ValueError, TypeError, RecursionError) as error:
            log.error("left out the database in %s: %s", folder, error)
    found.sort(key=lambda one: _numbers(one.version), reverse=True)
    titles = {one.id: one.title.lower() for one in reversed(found)}  # that of the newest version, if it was changed
    return sorted(found, key=lambda one: (titles[one.id], one.id))


def _numbers(version: str) -> list[tuple[int, str]]:
    """Return a key by which version 10 is newer than version 9."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.findall("[0-9]+|[^0-9]+", version)]


def _describe(database: Database) -> None:
    """Replace the description of a version."""
    new = database.folder / f".{ABOUT}"
    new.write_text(_json(database), encoding="utf-8")
    sync_path(new)
    new.replace(database.folder / ABOUT)


def _json(database: Database) -> str:
    return json.dumps(database.about, indent=1, ensure_ascii=False) + "\n"
