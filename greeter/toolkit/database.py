"""A reference database: one version of it, which a tool gets as the value of a `DatabaseField`."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from greeter.toolkit.alphabets import ALPHABETS
from greeter.toolkit.checksums import sha256_of
from greeter.toolkit.declarations import check_types
from greeter.toolkit.errors import ToolError
from greeter.toolkit.json_types import JSONObject

ABOUT = "database.json"
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}/[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_NOT_RECORDED = {"folder", "default", "paused"}  # what may change while a job names the version


@dataclass(frozen=True, kw_only=True)
class Database:
    """A version of a reference database: a folder `<id>/<version>` with its files and `database.json`."""

    id: str  # of the database, such as "swissprot"
    version: str  # such as "2026_04"
    title: str  # for people, such as "Swiss-Prot"
    kind: str  # "protein", "dna", "rna" or "any"; or another kind, whose files are not sequences
    file: str  # the name of the main file; see `path`
    files: Mapping[str, str] = field(default_factory=dict)  # the SHA-256 of each file, indexes included, by its name
    sequences: int | None = None  # how many there are. This and the next two are None if the files are not sequences
    residues: int | None = None  # in all sequences together
    longest: int | None = None  # the length of the longest sequence in residues
    description: str = ""  # a sentence about it
    source: str = ""  # the address that it was downloaded from
    licence: str = ""  # such as "CC BY 4.0"
    released: str = ""  # the date, such as "2026-10-14"
    default: bool = False  # whether forms choose it unless the user does
    paused: str = ""  # why new jobs cannot use it; empty if they can
    folder: Path = Path()  # where its files are on this machine

    def __str__(self) -> str:
        return f"{self.title} version {self.version}"

    @property
    def name(self) -> str:
        """The id and the version, such as "swissprot/2026_04"."""
        return f"{self.id}/{self.version}"

    @property
    def path(self) -> Path:
        """The main file. An index of it is in the same folder. Raises ToolError if it no longer exists."""
        path = self.folder / self.file
        if not path.is_file():
            raise ToolError(f'{self} is no longer here. Choose "Edit and run again", and another database.')
        return path

    @property
    def size(self) -> str:
        """How many sequences it has, as in `573,661 sequences`; empty if it has none."""
        if self.sequences is None:
            return ""
        return f"{self.sequences:,} sequence{'s' * (self.sequences != 1)}"

    def changed_files(self) -> list[str]:
        """Return the names of files whose SHA-256 is not that of `files`, or that cannot be read. Reads all of them."""
        return [name for name, sum_ in self.files.items() if _sum_of(self.folder / name) != sum_]

    @property
    def about(self) -> JSONObject:
        """What `database.json` contains."""
        return {name: value for name, value in asdict(self).items() if name != "folder"}

    @property
    def recorded(self) -> JSONObject:
        """What the record of a job contains: the attributes of the version that never change."""
        return {name: value for name, value in asdict(self).items() if name not in _NOT_RECORDED}

    @classmethod
    def from_description(cls, about: Mapping[str, Any], root: Path) -> Self:
        """Create a database from its description.

        Args:
            about: What `about` or `recorded` returned. Keys of a later version of greeter are ignored.
            root: The folder of all databases.

        Returns:
            The database.

        Raises:
            TypeError: Something is missing.
        """
        known = {one.name for one in fields(cls)} - {"folder"}
        values = {name: value for name, value in about.items() if name in known}
        return cls(**values, folder=root / str(values.get("id")) / str(values.get("version")))

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the description of a version. Raises OSError, ValueError or TypeError if it cannot be used."""
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        if not isinstance(about, dict) or f"{about.get('id')}/{about.get('version')}" != "/".join(folder.parts[-2:]):
            raise ValueError(f"{ABOUT} does not have the id and version that the folder has")
        database = cls.from_description(about, folder.parents[1])
        database._check()
        return database

    def _check(self) -> None:
        """Raise TypeError or ValueError if a description, which may be written by hand, cannot be used."""
        check_types(self)
        counts = (self.sequences, self.residues, self.longest)
        if any(count is not None and count < 1 for count in counts) or (self.kind in ALPHABETS and None in counts):
            raise ValueError(f"{ABOUT} has wrong numbers of sequences and residues")
        if Path(self.file).name != self.file or self.file not in self.files:
            raise ValueError(f"{ABOUT} does not have the SHA-256 of {self.file!r}")


def _sum_of(path: Path) -> str | None:
    try:
        return sha256_of(path)
    except OSError:
        return None
