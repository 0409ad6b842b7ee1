"""A job as the function of its tool sees it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence, Sized
from pathlib import Path
from typing import IO, Any, TypeVar

Item = TypeVar("Item")

RESULT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")

_LEASH = Path(__file__).with_name("process_guard.py")


class Fallback(dict[str, Any]):
    """A partial result: what a tool returns at its soft time limit."""


class _Track:
    __slots__ = ("began", "done", "ended", "total", "unit")

    def __init__(self, total: int | None, unit: str) -> None:
        self.done, self.total, self.unit, self.ended, self.began = 0, total, unit, False, time.monotonic()


class Job:
    """A job as the function of its tool sees it: where it says how far it is, and where it puts its files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._shown: _Track | None = None

    def track(self, iterable: Iterable[Item], total: int | None = None, unit: str = "step") -> Iterator[Item]:
        """Wrap an iterable as `tqdm` does, so that the job's page shows how many of its items are done.

        `total` is the number of items where `len(iterable)` does not tell it; `unit` is one item, in the
        singular. An item counts as done when the next one is asked for.
        """
        # The loop only counts. A thread of the worker looks at the count four times a second, which costs a
        # step less than asking for the time would, and shows the last step of a loop that has become slow.
        if total is None and isinstance(iterable, Sized):
            total = len(iterable)
        track = _Track(None if total is None else int(total), unit)  # that of a library may be no int
        if self._shown is None or self._shown.ended:  # otherwise this is a loop within the one that is shown
            self._shown = track
        try:
            for item in iterable:
                yield item
                track.done += 1
        finally:
            track.ended = True

    @property
    def progress(self) -> dict[str, Any] | None:
        """How far the outermost `track` is, as the meta of Celery's state PROGRESS; None before the first one."""
        if self._shown is None:
            return None
        return {"current": self._shown.done, "total": self._shown.total, "unit": self._shown.unit}

    @property
    def seconds(self) -> float:
        """How long the track goes on that `progress` is of."""
        return round(time.monotonic() - self._shown.began, 1) if self._shown else 0

    def fallback(self, result: dict[str, Any]) -> Fallback:
        """Label a result as partial: what was finished when the soft time limit was reached."""
        return Fallback(result)

    def open(self, name: str, mode: str = "w") -> IO[Any]:
        """Open a result file, which the job's page offers for download once the job has ended.

        Raises ValueError for a name with anything but letters, digits and `._-`.
        """
        if not RESULT_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name for a result file: use letters, digits and ._-")
        return (self._outputs / name).open(mode, encoding=None if "b" in mode else "utf-8")

    def run(
        self, argv: Sequence[str | Path], stdout: str, *, memory: int = 4_000_000_000, file_size: int = 1_000_000_000
    ) -> None:
        """Run a program among the result files and write what it prints to the result file `stdout`.

        It gets no shell, no input and a clean environment, may use `memory` bytes and write files of `file_size`
        bytes, and ends, with everything that it started, when the job ends, however that is. Its error output is in
        the file `log` of the job's folder. What it writes under names that `open` takes is offered for download.
        Raises FileNotFoundError where there is no such program, and subprocess.CalledProcessError when it ends with
        another status than 0.
        """
        program = shutil.which(argv[0])
        if program is None:
            raise FileNotFoundError(f"there is no program {str(argv[0])!r} on this machine")
        leash = [sys.executable, "-I", str(_LEASH), str(memory), str(file_size)]
        environ = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "LC_ALL": "C.UTF-8"}
        with (
            self.open(stdout, "wb") as out,
            (self.folder / "log").open("ab") as log,
            subprocess.Popen(  # no shell, and the tool names the program  # nosec B603
                [*leash, str(program), *map(str, argv[1:])],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=log,
                cwd=self._outputs,
                env=environ,
                start_new_session=True,
            ) as running,
        ):
            if status := running.wait():
                raise subprocess.CalledProcessError(status, list(map(str, argv)))

    @property
    def _outputs(self) -> Path:
        outputs = self.folder / "outputs"
        outputs.mkdir(parents=True, exist_ok=True)
        return outputs
