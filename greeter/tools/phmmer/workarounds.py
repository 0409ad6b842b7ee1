"""Let pyhmmer write its files without interruption by the time limit, and take tiny numbers for zero as phmmer does."""

import ctypes
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import BinaryIO

from greeter.tools.phmmer.found import Hits

_MXCSR, _SIZE = 28, 32  # bytes: where the C library's fenv_t has the control register of an x86-64, and its size
_FLUSH_TO_ZERO = 1 << 15  # of that register


def as_written(write: Callable[[BinaryIO], object]) -> memoryview:
    """Return what a method of pyhmmer writes.

    It gets a file in memory. If the time limit interrupts the method of another file, pyhmmer raises a SystemError.

    Args:
        write: Calls the method with the file.
    """
    file = BytesIO()
    write(file)
    return file.getbuffer()


def table(hits: Hits, layout: str, *, header: bool = False) -> memoryview:
    """Return a table of hits as HMMER writes it, with or without its header: "targets" or "domains"."""
    return as_written(lambda file: hits.write(file, format=layout, header=header))  # type: ignore[arg-type]  # stale


@contextmanager
def tiny_numbers_are_zero() -> Iterator[None]:
    """Let the processor replace numbers below 2.2e-308 by zero, in this thread and in those that it starts.

    The program does this on an x86-64 (`impl_Init` in HMMER's src/impl_sse), and so prints the E-value 0 for a pair of
    sequences of which about 500 residues are the same. pyhmmer does not.
    """
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        yield
        return
    library = ctypes.CDLL(None)
    before = ctypes.create_string_buffer(_SIZE)
    library.fegetenv(before)
    changed = ctypes.create_string_buffer(before.raw, _SIZE)
    ctypes.c_uint32.from_buffer(changed, _MXCSR).value |= _FLUSH_TO_ZERO
    library.fesetenv(changed)
    try:
        yield
    finally:
        library.fesetenv(before)
