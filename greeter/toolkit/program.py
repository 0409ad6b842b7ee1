"""Run external programs that cannot outlive their job."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

_PROCESS_GUARD = Path(__file__).with_name("process_guard.py")


def find_program(name: str | Path) -> str:
    """Return the path of a program. Raises FileNotFoundError if it is not installed."""
    if path := shutil.which(name):
        return str(path)
    raise FileNotFoundError(f"There is no program {str(name)!r} on this machine. Install it.")


def run_guarded(
    command: Sequence[str],
    folder: Path,
    home: Path,
    stdout: IO[bytes],
    stderr: IO[bytes],
    memory: int,
    file_size: int,
) -> int:
    """Run a command in a folder under the process guard, with limits in bytes, and return its exit status."""
    with subprocess.Popen(  # no shell, and the tool names the program  # nosec B603
        [sys.executable, "-I", str(_PROCESS_GUARD), str(memory), str(file_size), *command],
        stdin=subprocess.PIPE,  # closes when this process ends, on which the guard ends the program
        stdout=stdout,
        stderr=stderr,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8"},
        start_new_session=True,
    ) as guard:
        return guard.wait()
