"""What is in the folder of a job. Its tool may have changed this to anything: links, pipes, or what cannot be read."""

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path

from greeter.jobs.files.bounds import MAX_FILES
from greeter.jobs.params import Inputs, paths_in
from greeter.toolkit.outputs import RESULT_NAME

_CHANGED = (PermissionError, NotADirectoryError)  # what reading raises if a tool has changed a folder


def write_inputs(inputs: Inputs, folder: Path) -> None:
    """Create a folder with copies of these files. Raises OSError."""
    folder.mkdir()
    for name, source in inputs.items():
        if isinstance(source, Path):
            shutil.copyfile(source, folder / name)
        else:
            write_inputs({f"{number:04}": one for number, one in enumerate(source)}, folder / name)


def read_inputs(folder: Path, checksums: Mapping[str, object] | None = None) -> dict[str, Path | list[Path]]:
    """Return the files that `write_inputs` has created, each a Path or a list; an empty dict if one is unreadable.

    With checksums, only their files are returned: tools of version 0.3.0 could write others next to them.
    """
    with suppress(*_CHANGED):
        several = (one for one in folder.iterdir() if one.is_dir() and not one.is_symlink())
        found = {one.name: one for one in folder.iterdir()} | {one.name: sorted(one.iterdir()) for one in several}
        found = {name: value for name, value in found.items() if not checksums or name in checksums}
        is_complete = not checksums or _numbers(found) == _numbers(checksums)
        if is_complete and all(_is_file(path) for value in found.values() for path in paths_in(value)):
            return found
    return {}


def _numbers(values: Mapping[str, object]) -> dict[str, int]:
    """Return how many files each parameter has, or 0 if it can have only one."""
    return {name: len(value) if isinstance(value, list) else 0 for name, value in values.items()}


def listed_outputs(attempt: Path) -> list[Path]:
    """Return the result files of an attempt, sorted by name: regular files with names that `Job.open` accepts.

    An attempt that was killed may have more than MAX_FILES. Then only some of them are returned.
    """
    with suppress(*_CHANGED):
        named = (path for path in (attempt / "outputs").glob("*") if RESULT_NAME.fullmatch(path.name))
        return sorted(islice(filter(_is_file, named), MAX_FILES))
    return []


def read_start(path: Path, most: int) -> str:
    """Return the text in the first bytes of a file, or nothing if it cannot be read."""
    with suppress(*_CHANGED):
        if _is_file(path):
            with path.open("rb") as file:
                return file.read(most).decode(errors="replace")
    return ""


def _is_file(path: Path) -> bool:
    """Return whether this is a readable file, and not a link or a pipe."""
    return path.is_file() and not path.is_symlink() and os.access(path, os.R_OK)
