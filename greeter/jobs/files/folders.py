"""The folders of jobs on disk: `inputs/` has what was submitted, `attempts/<number>/` what each attempt wrote.

While an attempt runs, `attempts/<number>-inputs/` is its own copy of `inputs/`, which the tool may change.
`attempts/stopped-<worker>` is there if the job was lost because that worker was asked to stop.

Files are written in place, by one process, before the record refers to them. No other host looks a path up earlier, so
NFS close-to-open consistency is sufficient.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from errno import ETIMEDOUT
from itertools import islice
from pathlib import Path

from greeter.jobs.files.bounds import MAX_FILES
from greeter.jobs.files.contents import listed_outputs, read_inputs, read_start, write_inputs
from greeter.jobs.files.probe import NoAnswer
from greeter.jobs.files.trees import GONE, disk_time, remove, set_aside, sync_path, sync_tree, walk
from greeter.jobs.params import Inputs

COPIES = "-inputs"  # the end of the names of the copies of the input in `attempts/`
_MOST_COMMANDS = 4000  # bytes that the page of a job shows
_MOST_MEASURED = 5 * MAX_FILES
_BLOCK = 4096  # bytes that an empty file or folder takes


class JobFiles:
    """One folder for each job, named by its id.

    Attributes:
        root: The folder of all jobs.
        hangs: Returns whether its disk is known to hang. Then methods for one job raise NoAnswer instead of waiting.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.hangs: Callable[[], bool] = lambda: False

    def folder(self, job_id: str, *names: str) -> Path:
        """Return the folder of a job, or a path in it. Raises NoAnswer if DATA_DIR is known not to answer."""
        if self.hangs():
            raise NoAnswer(ETIMEDOUT, "DATA_DIR does not answer")
        return self.root.joinpath(job_id, *names)

    def create(self, job_id: str, inputs: Inputs) -> None:
        """Create the folder of a job with its inputs. Raises OSError, and leaves nothing of it, if the disk is full.

        Each input is copied, even an upload, because a form may still refer to it.
        """
        try:
            self.folder(job_id).mkdir(parents=True, exist_ok=True)  # `flask run-tool` has created it
            self.folder(job_id, "attempts").mkdir()
            write_inputs(inputs, self.folder(job_id, "inputs"))
            sync_tree(self.folder(job_id))
            sync_path(self.root)
        except OSError:
            self.remove(job_id)
            raise

    def size(self, job_id: str, *, is_running: bool = False) -> int:
        """Return how many bytes the files and folders of a job take, each at least one block, without copies of inputs.

        While the job is running, the copies count instead of the inputs if they are larger, because its tool may write
        to them. Only the first 5,000 files and folders are measured.
        """
        total = {"inputs": 0, "copies": 0, "others": 0}
        folder = self.folder(job_id)
        start = len(f"{folder}/")
        for entry in islice(walk(folder), _MOST_MEASURED):
            top, _, below = entry.path[start:].partition("/")
            is_copy = top == "attempts" and below.partition("/")[0].endswith(COPIES)
            kind = "inputs" if top == "inputs" else "copies" if is_copy else "others"
            with suppress(FileNotFoundError):  # removed in the meantime
                total[kind] += max(entry.stat(follow_symlinks=False).st_size, _BLOCK)
        return max(total["inputs"], total["copies"] if is_running else 0) + total["others"]

    def inputs(self, job_id: str, checksums: Mapping[str, object] | None = None) -> dict[str, Path | list[Path]]:
        """Return the submitted files of a job by the name of their parameter: a Path, or a list of several.

        There are none if its tool has changed them to anything else, or to other numbers than those of the checksums.
        """
        folder = self.folder(job_id, "inputs")
        return read_inputs(folder, checksums) if self.has_no_link(folder) else {}

    def has_inputs(self, job_id: str, checksums: Mapping[str, object]) -> bool:
        """Return whether the submitted files with these checksums are still there, changed or not."""
        with suppress(FileNotFoundError):
            return not checksums or bool(self.inputs(job_id, checksums))
        return False

    def remove_inputs(self, job_id: str) -> None:
        """Remove the submitted files, but not their folder."""
        folder = self.folder(job_id, "inputs")
        for path in folder.glob("*") if self.has_no_link(folder) else ():
            remove(path)

    def attempt(self, job_id: str, number: int) -> Path:
        """Return the folder of one attempt. No two attempts share a folder, even if they run at the same time.

        Number 0 is for jobs from version 0.2, which had one folder for all attempts.
        """
        return self.folder(job_id, "attempts", str(number)) if number else self.folder(job_id)

    def outputs(self, job_id: str, number: int) -> list[Path]:
        """Return the result files of an attempt; see `listed_outputs`."""
        attempt = self.attempt(job_id, number)
        return listed_outputs(attempt) if self.has_no_link(attempt / "outputs") else []

    def commands(self, job_id: str, number: int) -> str:
        """Return the commands that an attempt has run, the first 4,000 bytes of them."""
        path = self.attempt(job_id, number) / "commands"
        return read_start(path, _MOST_COMMANDS).strip() if self.has_no_link(path) else ""

    def remove(self, job_id: str) -> None:
        """Set aside the folder of a job, and remove it. If this is interrupted, another process completes it."""
        folder = self.folder(job_id)
        with suppress(OSError):
            folder = set_aside(folder, self.root)
        remove(folder)

    def remove_set_aside(self) -> None:
        """Remove what was set aside, which may take long."""
        for path in self.root.glob(f"{GONE}*"):
            remove(path)

    def has_jobs(self) -> bool:
        """Return whether there is the folder of any job."""
        return any(self.root.glob("[!.]*"))

    def has_no_link(self, path: Path) -> bool:
        """Return whether a path leads to where it says: a tool may replace a folder by a link to any other."""
        while path != self.root:
            if os.path.islink(path):  # noqa: PTH114  Path.is_symlink may raise PermissionError
                return False
            path = path.parent
        return True

    def unchanged_for(self, seconds: float, latest: float) -> Iterator[str]:
        """Yield the ids of jobs whose folders have not changed for this long; see `disk_time`."""
        now = disk_time(self.root, latest)
        for path in self.root.glob("[!.]*"):
            with suppress(FileNotFoundError):  # removed in the meantime
                if path.stat().st_mtime < now - seconds:
                    yield path.name
