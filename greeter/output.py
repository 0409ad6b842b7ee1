"""Writing to a pipe or a terminal that perhaps nobody reads: when it is full, a plain write would never return."""

import io
import os
import select
import stat
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_PATIENCE = 1000  # milliseconds


def write(descriptor: int, data: bytes, patience: int) -> int:
    """Write data, and return how many bytes of it were written. Raises OSError.

    Args:
        descriptor: A file descriptor.
        data: What to write.
        patience: How long to wait for room, in milliseconds.
    """
    written = 0
    output = _reopened(descriptor)
    try:
        poll = select.poll()
        poll.register(output, select.POLLOUT)
        while written < len(data) and poll.poll(patience):
            written += os.write(output, data[written : written + select.PIPE_BUF])  # a pipe has room for so much
    except BlockingIOError:  # a terminal has no room for as much, or another process has written first
        pass
    finally:
        os.close(output)
    return written


def open_missing_streams() -> None:
    """Open the standard streams that this process was started without: a pipe or file would get their numbers."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))


def replace_standard_streams() -> None:
    """Have print() drop what nobody reads."""
    for name in ("stdout", "stderr"):
        output = io.BufferedWriter(_Output(getattr(sys, name).fileno()))
        setattr(sys, name, io.TextIOWrapper(output, errors="backslashreplace", line_buffering=True))


class _Output(io.RawIOBase):
    """A standard stream."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self._patience = descriptor, _PATIENCE

    def fileno(self) -> int:
        return self._descriptor

    def writable(self) -> bool:
        return True

    def write(self, data: "ReadableBuffer") -> int:
        line = bytes(data)
        is_complete = write(self._descriptor, line, self._patience) == len(line)
        self._patience = _PATIENCE if is_complete else 0
        return len(line)


def _reopened(descriptor: int) -> int:
    """Open a pipe or terminal again, because other processes share this descriptor, and their writes have to wait.

    What cannot be opened, such as a socket, is duplicated. So is a file, in which both would write to the same place.
    """
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
        try:
            return os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
        except OSError:  # it may belong to another user
            pass
    return os.dup(descriptor)
