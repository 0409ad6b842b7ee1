"""The jobs' folders on disk: `inputs/` holds what was submitted, `outputs/` what the tool made."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from greeter.toolkit.job import RESULT_NAME


class Folders:
    """One folder for each job, named after its id."""

    def __init__(self, folder: Path) -> None:
        self._all = folder

    def of(self, job_id: str) -> Path:
        """The folder of a job."""
        return self._all / job_id

    def create(self, job_id: str, inputs: Mapping[str, bytes]) -> None:
        """Make the folder of a job with its inputs. Raises OSError when the disk has no room; then none is left."""
        folder = self.of(job_id) / "inputs"
        try:
            folder.mkdir(parents=True)
            for name, content in inputs.items():
                (folder / name).write_bytes(content)
        except OSError:
            self.remove(job_id)
            raise

    def inputs(self, job_id: str) -> dict[str, Path]:
        """The submitted files of a job, each by the name of its parameter."""
        return {path.name: path for path in (self.of(job_id) / "inputs").iterdir()}

    def outputs(self, job_id: str) -> list[Path]:
        """The result files of a job, by name. What a program made of another kind or name is not offered."""
        found = (self.of(job_id) / "outputs").glob("*")
        files = (path for path in found if path.is_file() and not path.is_symlink())
        return sorted(path for path in files if RESULT_NAME.fullmatch(path.name))

    def remove_outputs(self, job_id: str) -> None:
        """Remove what the tool made."""
        shutil.rmtree(self.of(job_id) / "outputs", ignore_errors=True)

    def remove(self, job_id: str) -> None:
        """Remove the folder of a job with all that is in it."""
        shutil.rmtree(self.of(job_id), ignore_errors=True)

    def untouched_for(self, seconds: float) -> Iterator[str]:
        """The jobs whose folders have not changed for so long."""
        for path in self._all.glob("*"):
            with suppress(FileNotFoundError):  # it has gone meanwhile
                if path.stat().st_mtime < time.time() - seconds:
                    yield path.name
