"""Run external programs that cannot outlive their job."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any

from greeter.toolkit.process_guard import kill_trees

_PROCESS_GUARD = Path(__file__).with_name("process_guard.py")
# What the C library, C++, Python, Java and HMMER print. A program cannot be asked for the reason in another way.
_OUT_OF_MEMORY = re.compile(rb"cannot allocate memory|bad_alloc|memoryerror|out ?of ?memory|malloc", re.IGNORECASE)
_TIME_TO_END = 3  # seconds: one more than the guard allows its program, and one for itself


def find_program(name: str | Path) -> str:
    """Find a program.

    Args:
        name: Its name, which is looked up on PATH, or its path.

    Returns:
        Its path.

    Raises:
        FileNotFoundError: It is not installed.
    """
    if path := shutil.which(name):
        return str(path)
    raise FileNotFoundError(f"There is no program {str(name)!r} on this machine. Install it.")


def out_of_memory(log: IO[bytes], start: int) -> bool:
    """Check whether a program failed for lack of memory.

    Args:
        log: The file with its error output.
        start: The position in bytes at which that output starts.

    Returns:
        Whether the output ends with a message about memory.
    """
    log.seek(max(start, log.seek(0, os.SEEK_END) - 4096))
    return bool(_OUT_OF_MEMORY.search(log.read()))


def run_guarded(
    command: Sequence[str],
    folder: Path,
    home: Path,
    stdout: IO[bytes],
    stderr: IO[bytes],
    limits: tuple[int, int],
    start: AbstractContextManager[Any],
) -> int:
    """Run a command under the process guard.

    Args:
        command: The path of the program, and its arguments.
        folder: The working directory.
        home: The value of HOME.
        stdout: The file for its standard output.
        stderr: The file for its error output.
        limits: The maximum address space, and the maximum size of a file, in bytes.
        start: A context manager that is entered while the guard starts.

    Returns:
        The exit status. If a signal ended the program, 128 plus the number of the signal.
    """
    with start:
        guard = subprocess.Popen(  # no shell, and the tool names the program  # nosec B603
            [sys.executable, "-I", str(_PROCESS_GUARD), *map(str, limits), *command],
            stdin=subprocess.PIPE,  # closes when this process ends, on which the guard ends the program
            stdout=stdout,
            stderr=stderr,
            cwd=folder,
            env={"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8"},
            start_new_session=True,
        )
    try:
        return guard.wait()
    finally:
        _end(guard)


def _end(guard: subprocess.Popen[bytes]) -> None:
    """Let the guard end its program and itself, or kill them if it does not, for example because it is suspended."""
    if guard.stdin:
        guard.stdin.close()
    try:
        guard.wait(_TIME_TO_END)
    except subprocess.TimeoutExpired:
        kill_trees(guard.pid)
        guard.wait()
