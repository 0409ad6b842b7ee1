"""The inputs of jobs: their parameters, and the reference databases that these name."""

from collections.abc import Mapping
from pathlib import Path

from greeter.jobs.databases import Databases
from greeter.jobs.records.reader import Provenance
from greeter.jobs.records.scripts import Scripts
from greeter.toolkit.tool import Params

RESTORED = ("params", "databases")
"""The fields of a record that `restore` needs."""

_FORBIDDEN_SECONDS = 3600  # longer than a form that was checked earlier can take to submit


class JobInputs:
    """The parameters of jobs, and which jobs name a version of a database. It cannot be removed while a job names it.

    A version has a name such as "swissprot/2026_04". All methods but `restore` raise redis.RedisError.
    """

    def __init__(self, scripts: Scripts, data_dir: Path) -> None:
        self._scripts = scripts
        self.databases = Databases(data_dir)  # those on the disk

    def restore(self, recorded: Provenance, files: Mapping[str, Path | list[Path]]) -> Params:
        """Return the parameters of a job as its tool gets them.

        Args:
            recorded: What the record of the job has.
            files: Its input files by the name of their parameter.

        Returns:
            The value of each parameter.
        """
        return {**recorded.params, **self.databases.from_record(recorded.databases), **files}

    def count_jobs(self, database: str) -> int:
        """Return how many jobs name a version: they wait, run, or have ended and are still kept."""
        return int(self._scripts.run("named", "", database))

    def forbid(self, database: str) -> int:
        """Refuse new jobs that name a version, unless a job names it already. Return how many do."""
        return int(self._scripts.run("forbid_database", "", database, _FORBIDDEN_SECONDS))

    def allow(self, database: str) -> None:
        """Let new jobs name a version that was removed recently."""
        self._scripts.run("allow_database", "", database)
