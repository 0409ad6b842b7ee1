"""What jobs were given: parameters as their records have them, with the files and databases that these stand for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from greeter.jobs.database_use import DatabaseUse
from greeter.jobs.databases import Databases
from greeter.jobs.reader import Provenance
from greeter.jobs.scripts import Scripts
from greeter.toolkit.tool import Params


class JobInputs:
    """The reference databases, and the parameters of jobs, which may name some.

    Attributes:
        databases: The databases on the disk.
        database_use: Which jobs name them.
    """

    def __init__(self, scripts: Scripts, data_dir: Path) -> None:
        self.databases = Databases(data_dir)
        self.database_use = DatabaseUse(scripts)

    def restore(self, recorded: Provenance, files: Mapping[str, Path | list[Path]]) -> Params:
        """Return the parameters as a tool gets them.

        Args:
            recorded: What the record of the job has.
            files: Its input files by the name of their parameter.

        Returns:
            The value of each parameter.
        """
        return {**recorded.params, **self.databases.of_record(recorded.databases), **files}
