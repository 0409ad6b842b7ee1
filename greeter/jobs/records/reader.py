"""What is needed to show a job, whether it is in Redis or a sample on disk."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Protocol, Self

from kombu.utils.json import loads

from greeter.jobs.files.folders import JobFiles
from greeter.jobs.params import file_params, recorded_databases
from greeter.jobs.record import Record
from greeter.jobs.submission import Filenames
from greeter.toolkit.checksums import sha256_of
from greeter.toolkit.json_types import JSON
from greeter.toolkit.tool import Params


@dataclass(frozen=True)
class Provenance:
    """How a result was made.

    Each mapping is by the name of a parameter, except the versions. A parameter with several files has lists.
    """

    params: Params = field(default_factory=dict)  # the parameters that are not files
    checksums: Mapping[str, str | list[str]] = field(default_factory=dict)  # the SHA-256 of each file
    filenames: Filenames = field(default_factory=dict)  # on the visitor's computer; empty if pasted
    versions: Mapping[str, str] = field(default_factory=dict)  # see versions.py; empty until the job starts
    databases: Mapping[str, Mapping[str, JSON]] = field(default_factory=dict)  # see `Database.recorded`

    @classmethod
    def at_submission(cls, params: Params, filenames: Filenames) -> Self:
        """Return what is known when a job is submitted: everything but the versions."""
        files, databases = file_params(params), recorded_databases(params)
        sums = {
            name: sha256_of(value) if isinstance(value, Path) else list(map(sha256_of, value))
            for name, value in files.items()
        }
        return cls(
            params={name: value for name, value in params.items() if name not in {*files, *databases}},
            checksums=sums,
            filenames={name: value for name, value in filenames.items() if name in files},
            databases=databases,
        )

    @classmethod
    def read(cls, record: Mapping[str, str | bytes]) -> Self:
        """Return what a record has, as JSON, in the fields that RECORDED names. Some may be missing."""
        return cls(**{name: loads(record[name]) for name in RECORDED if name in record})

    @property
    def given(self) -> Params:
        """The parameters that are not files, with databases by their names, as a form takes them."""
        return {**self.params, **self.database_names}

    @property
    def database_names(self) -> dict[str, str]:
        """The id and the version of each reference database, such as "swissprot/2026_04"."""
        return {name: f"{about['id']}/{about['version']}" for name, about in self.databases.items()}

    @property
    def names(self) -> list[str]:
        """The names of all parameters."""
        return [*self.given, *self.checksums]

    @property
    def files(self) -> list[tuple[str, str, str]]:
        """Each input file: the name of its parameter, its name on the visitor's computer, and its SHA-256."""
        found = []
        for name, sums in self.checksums.items():
            names = self.filenames.get(name, "")
            if isinstance(sums, str):
                found.append((name, str(names), sums))
            else:
                found += [(name, *pair) for pair in zip(names or [""] * len(sums), sums, strict=True)]
        return found


RECORDED = tuple(one.name for one in fields(Provenance))
"""The names of the fields of a record that have the provenance of its job."""


class JobReader(Protocol):
    """Reads jobs. Its methods raise JobNotFound."""

    @property
    def files(self) -> JobFiles:
        """The folders of the jobs."""

    def find(self, job_id: str) -> Record:
        """Read the record of a job."""

    def provenance(self, job_id: str) -> Provenance:
        """Read how the result of a job was made."""

    def params(self, job_id: str, provenance: Provenance | None = None) -> Params:
        """Read the parameters of a job, or take them from its provenance; a file is given as its Path."""
