"""Folders in which a program may have written anything: any depth, and folders without permissions."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryFile
from typing import NamedTuple

GONE = ".gone-"  # the names of what is being removed start with this
_OWNER = 0o700  # permissions: the owner of a folder may always set them
_LONGEST_PATH = 4096  # bytes, with the zero at the end: PATH_MAX of Linux


def walk(root: Path) -> Iterator[os.DirEntry[str]]:
    """Yield all files and folders below a folder, but not what cannot be read, has too long a path or is behind a link.

    Unlike that of Python 3.11, it does not fail at a depth of a thousand folders.
    """
    folders = [] if os.path.islink(root) else [str(root)]  # noqa: PTH114  Path raises PermissionError
    while folders:
        with suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                if len(os.fsencode(entry.path)) >= _LONGEST_PATH:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                yield entry


def restore_permissions(root: Path) -> None:
    """Give the owner of a folder and what is in it back the permissions that a program has removed."""
    for path in chain([root], map(Path, walk(root))):
        with suppress(OSError):  # removed in the meantime, or another user's
            mode = path.lstat().st_mode
            needed = _OWNER if stat.S_ISDIR(mode) else 0o600
            if mode & needed != needed and not stat.S_ISLNK(mode):
                path.chmod(stat.S_IMODE(mode) | needed)


def disk_time(folder: Path, latest: float) -> float:
    """Return the time by the clock of a folder's disk, which may be that of another host. Raises OSError.

    That clock may have jumped ahead, so this is not after `latest`, the time by another clock.
    """
    with TemporaryFile(dir=folder, prefix=".") as file:
        return min(os.fstat(file.fileno()).st_mtime, latest)


class Space(NamedTuple):
    """What is free on a disk: the bytes, and the number of files, which is None where the disk has no limit."""

    bytes: int
    files: int | None


def free_space(folder: Path) -> Space:
    """Return what is free on the disk of a folder, which need not exist yet."""
    found = os.statvfs(next(path for path in (folder, *folder.absolute().parents) if path.exists()))
    return Space(found.f_bavail * found.f_frsize, found.f_favail if found.f_files else None)


def remove(root: Path) -> None:
    """Remove a file or folder, or as much of it as possible. Another process may remove it too.

    The folders in it are set aside first, so neither the longest path nor the depth of Python's stack is a limit.
    """
    if root.is_symlink() or not root.is_dir():
        with suppress(OSError):
            root.unlink()
        return
    folders = [root]
    while folders:
        folder = folders.pop()
        with suppress(OSError):
            folder.chmod(_OWNER)
            for entry in [*os.scandir(folder)]:
                with suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(set_aside(Path(entry), root.parent))
                    else:
                        os.unlink(entry)  # noqa: PTH108  without another object for each of many files
            folder.rmdir()


def set_aside(path: Path, folder: Path) -> Path:
    """Move a file or folder into a folder, in one step and with a new name, and return its path. Raises OSError."""
    if not path.is_symlink():
        with suppress(OSError):
            path.chmod(_OWNER)  # its entry `..` changes, which needs write permission
    return path.rename(folder / f"{GONE}{token_hex(8)}")


def sync_tree(root: Path) -> None:
    """Wait until a folder and all that is in it are on the disk. Raises OSError.

    An empty folder is not synced itself, only the folder that contains it.
    """
    paths = [Path(entry) for entry in walk(root)]
    filled = {path.parent for path in paths}
    for path in (root, *paths):
        if path in filled or not path.is_dir():
            sync_path(path)


def sync_path(path: Path) -> None:
    """Wait until a file, or the list of a folder, is on the disk. Raises OSError."""
    if path.is_symlink() or not (path.is_file() or path.is_dir()):
        return
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
