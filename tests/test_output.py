"""Writing to what nobody reads."""

import os
import pty
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from greeter.output import write

PATIENCE = 50  # milliseconds


def unread() -> Iterator[tuple[int, int]]:
    """Yield the two ends of each kind of connection that can be full."""
    yield os.pipe()
    yield pty.openpty()  # the terminal converts line ends, as one of a person does
    ends = socket.socketpair()
    yield ends[0].detach(), ends[1].detach()


@pytest.mark.parametrize("size", [60, 137, 1000, 9000])
@pytest.mark.parametrize("ends", [0, 1, 2], ids=["pipe", "terminal", "socket"])
def test_a_write_ends_although_nobody_reads(ends: int, size: int) -> None:
    """It ends as soon as there is no room, and when somebody reads, the next one writes all."""
    reader, writer = list(unread())[ends]
    line = b"x" * (size - 1) + b"\n"
    while write(writer, line, PATIENCE) == size:
        pass
    assert write(writer, line, 0) < size
    os.set_blocking(reader, False)
    with suppress(BlockingIOError):
        while os.read(reader, 65536):
            pass
    assert write(writer, b"line\n", PATIENCE) == 5
    os.close(reader)
    os.close(writer)


def test_a_file_gets_what_several_write(tmp_path: Path) -> None:
    """Each continues where another has stopped."""
    file = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT)
    assert (write(file, b"one\n", 0), os.write(file, b"two\n"), write(file, b"three\n", 0)) == (4, 4, 6)
    assert (tmp_path / "log").read_text() == "one\ntwo\nthree\n"
    os.close(file)


def test_a_write_to_a_closed_pipe_is_an_error() -> None:
    """The caller decides what to do."""
    reader, writer = os.pipe()
    os.close(reader)
    with pytest.raises(OSError, match="Broken pipe"):
        write(writer, b"line\n", PATIENCE)
    os.close(writer)
