"""The job that a tool's function works on."""

from __future__ import annotations

import re
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Sequence, Sized
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypedDict, TypeVar

from greeter.toolkit.program import find_program, out_of_memory, run_guarded

Item = TypeVar("Item")
Result = dict[str, Any]  # what a tool returns: JSON values, with None instead of NaN and infinity
_LONGEST_UNIT = 80  # characters
RESULT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


class Fallback(Result):
    """A partial result: what a tool returns at its soft time limit or when its job is cancelled."""


class Progress(TypedDict):
    """The progress of a job."""

    current: int  # the number of items that are done
    total: int | None  # None: unknown
    unit: str  # one item, in the singular


class _Loop:
    """The progress of one loop over `Job.track`."""

    __slots__ = ("done", "ended", "started", "total", "unit")

    def __init__(self, total: int | None, unit: str) -> None:
        self.done, self.total, self.unit, self.ended, self.started = 0, total, unit, False, time.monotonic()


class Job:
    """The job that a tool's function works on: reports progress, writes result files, runs programs.

    Args:
        folder: The job's own folder, with the result files in its subfolder `outputs`. A test passes an empty one.
        memory: The maximum memory of the job in bytes: in a worker, the setting JOB_MEMORY.
    """

    def __init__(self, folder: Path, memory: int = 4 * 2**30) -> None:
        self.folder = folder
        self.memory = memory
        self._shown: _Loop | None = None
        self._closed = False
        self._lock = threading.Lock()

    def track(self, iterable: Iterable[Item], total: int | None = None, unit: str = "step") -> Iterator[Item]:
        """Show the progress of a loop on the job's page. Wraps an iterable as `tqdm` does.

        An item counts as done when the loop requests the next one. In nested loops, only the outermost is shown.

        Args:
            iterable: The items to loop over.
            total: The number of items, if `iterable` has no length. Without it, the page shows only a count.
            unit: The name of one item in the singular, such as "query".

        Yields:
            The items of `iterable`.
        """
        # The loop only counts; a thread of the worker reads the count a few times a second. This costs less per step
        # than reading the clock here, and shows the last step of a loop that has become slow.
        if total is None and isinstance(iterable, Sized):
            total = len(iterable)
        # NumPy's integers, for example, are not JSON, and every poll of the job's page reads the unit.
        loop = _Loop(None if total is None else int(total), str(unit)[:_LONGEST_UNIT])
        if self._shown is None or self._shown.ended:  # otherwise, this is a nested loop
            self._shown = loop
        try:
            for item in iterable:
                yield item
                loop.done += 1
        finally:
            loop.ended = True

    @property
    def progress(self) -> Progress | None:
        """The progress of the outermost loop over `track`, or None before the first one."""
        if self._shown is None:
            return None
        return {"current": self._shown.done, "total": self._shown.total, "unit": self._shown.unit}

    @property
    def seconds(self) -> float:
        """The time in seconds since the loop that `progress` describes started."""
        return round(time.monotonic() - self._shown.started, 1) if self._shown else 0

    def fallback(self, result: Result) -> Fallback:
        """Label a result as partial, to return it after SoftTimeLimitExceeded.

        Args:
            result: What was finished by then, with the keys of a complete result.

        Returns:
            The result with a label. The job's page shows it with a note that it is partial.
        """
        return Fallback(result)

    def open(self, name: str, mode: str = "w") -> IO[Any]:
        """Open a result file. The job's page offers it for download once the job has ended.

        Args:
            name: The file name: up to 80 letters, digits and `._-`, of which the first is a letter or digit.
            mode: As in the built-in `open`; with "b" for binary.

        Returns:
            The open file, for a `with` statement. Text is encoded as UTF-8.

        Raises:
            ValueError: The name breaks these rules.
        """
        if not RESULT_NAME.fullmatch(name):
            rule = "Use up to 80 letters, digits and ._- and start with a letter or digit."
            raise ValueError(f"{name!r} is not a valid name for a result file. {rule}")
        return (self._outputs / name).open(mode, encoding=None if "b" in mode else "utf-8")

    def run(
        self, argv: Sequence[str | Path], stdout: str, *, memory: int | None = None, file_size: int = 1_000_000_000
    ) -> None:
        """Run a program and write its standard output to a result file.

        The program runs in the folder of the result files, so its own output files are offered for download too. It
        gets no shell, an empty standard input and a minimal environment. Its error output is appended to the file
        `log` in the job's folder. It ends, with every process that it started, when the job ends for any reason.

        Args:
            argv: The program and its arguments.
            stdout: The name of the result file, as for `open`.
            memory: The maximum address space in bytes, for each process. None, or more than `self.memory`: that.
            file_size: The maximum size in bytes of each file that it writes.

        Raises:
            FileNotFoundError: The program is not installed.
            MemoryError: The program ended with a status other than 0, and its error output is about memory.
            subprocess.CalledProcessError: It ended with a status other than 0 for another reason.
            RuntimeError: A thread that outlived its job called this.
            ValueError: `stdout` is not a valid name.
        """
        command = [find_program(argv[0]), *map(str, argv[1:])]
        limits = (min(memory or self.memory, self.memory), file_size)
        with self.open(stdout, "wb") as out, (self.folder / "log").open("ab+") as log:
            start = log.tell()
            status = run_guarded(command, self._outputs, self.folder, out, log, limits, self._while_open())
            if status and out_of_memory(log, start):
                raise MemoryError
        if status:
            raise subprocess.CalledProcessError(status, list(map(str, argv)))

    def close(self) -> None:
        """Refuse to start more programs. The worker calls this when the tool has ended."""
        with self._lock:
            self._closed = True

    @contextmanager
    def _while_open(self) -> Iterator[None]:
        with self._lock:
            if self._closed:
                raise RuntimeError("the job has ended")
            yield

    @property
    def _outputs(self) -> Path:
        outputs = self.folder / "outputs"
        for folder in (self.folder, outputs):  # not its parents: if they are gone, the disk is not mounted any more
            folder.mkdir(exist_ok=True)
        return outputs
