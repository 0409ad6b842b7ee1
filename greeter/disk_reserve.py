"""Disk space that the embedded Redis can still use when the disk is full.

With `appendfsync always`, the server exits when it cannot append to its file. So blocks after the end of that file are
reserved while there is space. When they are nearly used up, the server has to refuse writes.
"""

import ctypes
import os
import shutil
from errno import EDQUOT, ENOSPC
from pathlib import Path

_MIB = 1024 * 1024
_RESERVE = 16 * _MIB  # for an hour of heartbeats and progress of two jobs
_LAST = 4 * _MIB  # for the keys that expire while the server refuses writes, and for writes between two checks
_FALLOC_FL_KEEP_SIZE = 1  # from <linux/falloc.h>


def renew(folder: Path) -> dict[str, int]:
    """Reserve what is missing in the folder of the server's append-only files. Raises OSError if it cannot be read.

    Returns:
        The settings that the server needs now, by name: whether it can write, and whether it can rewrite its file.
    """
    free = shutil.disk_usage(folder).free
    appended = sorted(folder.glob("*.incr.aof"), key=_number)
    can_write = _reserve(appended[-1], free) if appended else free > _RESERVE
    # A rewrite makes a second copy of everything, and starts a file without a reserve.
    can_rewrite = free > sum(path.stat().st_size for path in folder.iterdir()) + 2 * _RESERVE
    return {"min-replicas-to-write": int(not can_write), "auto-aof-rewrite-percentage": 100 * can_rewrite}


def _number(path: Path) -> int:
    """Return the number in `appendonly.aof.<number>.incr.aof`; the server appends to the file with the highest."""
    return int(path.name.split(".")[-3])


def _reserve(path: Path, free: int) -> bool:
    """Reserve space after the end of a file, and return whether there is enough of it to write."""
    file = os.open(path, os.O_WRONLY)
    try:
        status = os.fstat(file)
        reserved = status.st_blocks * 512 - status.st_size
        size = _RESERVE if reserved < _RESERVE // 2 else 0
        while size > max(reserved, _LAST):
            problem = _allocate(file, status.st_size, size)
            if problem not in (ENOSPC, EDQUOT):
                return not problem or free > _RESERVE  # not every file system can reserve
            size //= 2
        return reserved > _LAST
    finally:
        os.close(file)


def _allocate(file: int, start: int, size: int) -> int:
    """Allocate blocks without changing the size of the file; return 0 or an error number."""
    try:
        fallocate = ctypes.CDLL(None, use_errno=True).fallocate
    except AttributeError:  # not Linux
        return -1
    failed = fallocate(file, _FALLOC_FL_KEEP_SIZE, ctypes.c_int64(start), ctypes.c_int64(size))
    return ctypes.get_errno() if failed else 0
