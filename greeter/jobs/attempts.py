"""The attempts of a job on disk, as workers make them: what each has written, and its copy of the input."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from greeter.jobs.bounds import has_too_many_files
from greeter.jobs.files import COPIES, JobFiles, read_inputs, write_inputs
from greeter.jobs.trees import set_aside, sync_path, sync_tree


class Attempts:
    """The folder `attempts/` of each job."""

    def __init__(self, files: JobFiles) -> None:
        self._files = files

    def copy_inputs(self, job_id: str, number: int) -> dict[str, Path | list[Path]]:
        """Copy the submitted files for an attempt, and return them as JobFiles.inputs does. Raises OSError.

        A tool may change its input. These are no links, because a program may write to a file instead of replacing it.
        """
        given = self._files.inputs(job_id)
        if not given:
            return {}
        copies = self._files.folder(job_id, "attempts", f"{number}{COPIES}")
        try:
            write_inputs(given, copies)
        except OSError:
            self.remove_copies(job_id, number)
            raise
        return read_inputs(copies)

    def remove_copies(self, job_id: str, number: int | None = None) -> None:
        """Set the copies of one attempt, or of all of an ended job, aside, with what its tool has written beside them.

        The attempt removes its own; others are those of attempts that were killed.
        """
        with suppress(OSError):  # DATA_DIR cannot be used, as fitness.py reports
            attempts, ending = self._folder(job_id), COPIES if number is None else f"/{number}{COPIES}"
            for name in os.listdir(attempts):  # noqa: PTH208  for each job, and a Path takes longer
                if f"/{name}".endswith(ending):
                    set_aside(attempts / name, self._files.root)

    def mark_stopped(self, job_id: str, worker: str) -> None:
        """Leave a mark that the job is lost because this worker was asked to stop. The next attempt removes it."""
        with suppress(OSError):
            self._mark(job_id, worker).touch()

    def was_stopped(self, job_id: str, worker: str) -> bool:
        """Return whether there is this mark."""
        with suppress(OSError):
            return self._mark(job_id, worker).exists()
        return False

    def sync(self, job_id: str) -> None:
        """Wait until what the attempts have written is on the disk. Raises OSError.

        Too many files are set aside instead: a worker that waits for 100,000 files, one by one, would count as hanging.
        """
        attempts = self._folder(job_id)
        found = list(attempts.glob("*"))
        for attempt in found:
            if has_too_many_files(attempt):
                set_aside(attempt, self._files.root)
        if found:
            sync_tree(attempts)
            sync_path(attempts.parent)

    def remove(self, job_id: str, latest: int) -> None:
        """Set the folders of all attempts up to this number aside, but not those of a successor of a late attempt.

        If Redis was restored from a backup, there may be one with this number.
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
            with suppress(FileNotFoundError):  # a file server may show what was removed
                set_aside(attempts / name, self._files.root)

    def _mark(self, job_id: str, worker: str) -> Path:
        return self._folder(job_id) / f"stopped-{worker}"

    def _folder(self, job_id: str) -> Path:
        return self._files.folder(job_id, "attempts")
