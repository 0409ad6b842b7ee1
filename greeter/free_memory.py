"""Return the free memory of this process to the system. The C library would keep what is free between other memory."""

import ctypes
from contextlib import suppress
from time import monotonic

_INTERVAL = 60  # seconds; it takes half a millisecond

_next = 0.0


def release() -> None:
    """Return all free memory."""
    with suppress(AttributeError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)


def release_each_minute() -> None:
    """Return all free memory, unless that was done in the last minute."""
    global _next
    if monotonic() >= _next:
        _next = monotonic() + _INTERVAL
        release()
