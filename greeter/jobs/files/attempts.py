"""The files of a job's attempts: what each has written, and its copy of the input."""

import os
from collections.abc import Mapping
from contextlib import suppress
from errno import ENOENT
from pathlib import Path

from greeter.jobs.files.bounds import has_too_many_files
from greeter.jobs.files.contents import read_inputs, write_inputs
from greeter.jobs.files.folders import COPIES, JobFiles
from greeter.jobs.files.trees import restore_permissions, set_aside, sync_path, sync_tree


class Attempts:
    """The folder `attempts/` of each job."""

    def __init__(self, files: JobFiles) -> None:
        self.files = files

    def copy_inputs(
        self, job_id: str, number: int, checksums: Mapping[str, object] | None = None
    ) -> dict[str, Path | list[Path]]:
        """Copy the submitted files for an attempt, and return them as JobFiles.inputs does. Raises OSError.

        A tool may change its input. Files are copied, not linked, because a program may modify them in place.
        """
        given: dict[str, Path | list[Path]] = {}
        with suppress(FileNotFoundError):  # an earlier attempt has removed the folder
            given = self.files.inputs(job_id, checksums)
        if not given:
            return {}
        copies = self.files.folder(job_id, "attempts", f"{number}{COPIES}")
        try:
            write_inputs(given, copies)
        except OSError:
            self.remove_copies(job_id, number)
            raise
        return read_inputs(copies)

    def remove_copies(self, job_id: str, number: int | None = None) -> None:
        """Set aside the input copies of one attempt, or without a number, those of all attempts of an ended job.

        Files that the tool created next to them go too. An attempt removes its own copies, unless it was killed.
        """
        with suppress(OSError):  # DATA_DIR cannot be used, as fitness.py reports
            attempts, ending = self._folder(job_id), COPIES if number is None else f"/{number}{COPIES}"
            for name in os.listdir(attempts):  # noqa: PTH208  for each job, and a Path takes longer
                if f"/{name}".endswith(ending):
                    set_aside(attempts / name, self.files.root)

    def mark_stopped(self, job_id: str, worker: str) -> None:
        """Mark a job as lost because this worker was asked to stop. The next attempt removes the mark."""
        with suppress(OSError):
            self._mark(job_id, worker).touch()

    def was_stopped(self, job_id: str, worker: str) -> bool:
        """Return whether `mark_stopped` has marked the job."""
        with suppress(OSError):
            return self._mark(job_id, worker).exists()
        return False

    def has_files(self, job_id: str, number: int) -> bool:
        """Return whether an attempt has written files, after giving the owner of the job's files all permissions."""
        restore_permissions(self.files.folder(job_id))
        attempt = self.files.attempt(job_id, number)
        return attempt.exists() and self.files.has_no_link(attempt)

    def sync(self, job_id: str) -> None:
        """Wait until the files of the attempts are on the disk. Raises OSError.

        If an attempt has too many files, they are set aside instead: a worker that syncs 100,000 files, one by one,
        would count as hanging.
        """
        attempts = self._folder(job_id)
        found = list(attempts.glob("*"))
        for attempt in found:
            if has_too_many_files(attempt):
                set_aside(attempt, self.files.root)
        if found:
            sync_tree(attempts)
            sync_path(attempts.parent)

    def remove(self, job_id: str, latest: int) -> None:
        """Set aside the folders of attempts 1 to `latest`, with any marks. Later ones stay: this may be a late attempt.

        The folder of `latest` itself can exist if Redis was restored from a backup, because numbers are then reused.
        """
        attempts = self._folder(job_id)
        try:
            names = os.listdir(attempts)  # noqa: PTH208  for each job, and a Path takes longer
        except FileNotFoundError:  # an earlier version did not create it with the job
            attempts.mkdir()
            return
        for name in names:
            number = name.partition("-")[0]  # or a mark, or what a tool has written there
            if number.isdecimal() and int(number) > latest:
                continue
            with suppress(FileNotFoundError):  # a file server may still list a removed folder
                set_aside(attempts / name, self.files.root)

    def _mark(self, job_id: str, worker: str) -> Path:
        return self._folder(job_id) / f"stopped-{worker}"

    def _folder(self, job_id: str) -> Path:
        """Return the folder. Raises FileNotFoundError if it is behind a link, so nothing elsewhere is removed."""
        folder = self.files.folder(job_id, "attempts")
        if not self.files.has_no_link(folder):
            raise FileNotFoundError(ENOENT, "a tool has replaced the folder by a link", str(folder))
        return folder
