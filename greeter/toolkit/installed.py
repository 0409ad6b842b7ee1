"""The programs, libraries and reference data that are installed on this machine, and their versions."""

import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryFile, gettempdir

from greeter.toolkit.program import environment

_TIMEOUT = 10  # seconds
_MOST_BYTES = 10_000  # of the output that are read
_LONGEST_VERSION = 80  # characters


def missing_programs(programs: Iterable[str]) -> list[str]:
    """Return those of these programs that are not on PATH."""
    return [name for name in programs if not shutil.which(name)]


def program_version(name: str, arguments: str) -> str:
    """Ask a program for its version, once in each process, and again after it is replaced.

    Args:
        name: The name of the program.
        arguments: The arguments that make it print its version, as in a shell.

    Returns:
        The first line that it prints, without its name; "unknown" if there is none within ten seconds, or if the
        program cannot be executed.
    """
    with suppress(OSError):  # not executable, or removed in the meantime
        if path := shutil.which(name):
            return _ask(path, arguments, Path(path).stat().st_mtime_ns)
    return "unknown"


@lru_cache
def library_version(name: str) -> str:
    """Return the version of a Python library, read once in each process.

    Raises PackageNotFoundError if it is not installed.
    """
    return metadata.version(name)


def data_release(path: Path) -> str:
    """Return the first line of a file, up to 80 characters: the release of reference data; "unknown" without one."""
    with suppress(OSError), path.open(errors="replace") as file:
        return file.readline(_LONGEST_VERSION).strip() or "unknown"
    return "unknown"


@lru_cache
def _ask(path: str, arguments: str, _changed: int) -> str:
    with TemporaryFile() as output:  # a pipe would stay open as long as any process of the program runs
        process = subprocess.Popen(  # no shell, and the tool names the program  # nosec B603
            [path, *shlex.split(arguments)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=gettempdir(),
            env=environment(Path(gettempdir()), cores=1),
            start_new_session=True,
        )
        with suppress(subprocess.TimeoutExpired):
            process.wait(_TIMEOUT)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        output.seek(0)
        lines = output.read(_MOST_BYTES).decode(errors="replace").splitlines()
    line = next((line.strip() for line in lines if line.strip()), "")
    return line.removeprefix(Path(path).name).lstrip(": ")[:_LONGEST_VERSION] or "unknown"
