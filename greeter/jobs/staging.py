"""Folders in which a new version of a database is made, or from which a removed one is deleted.

They are hidden, next to the databases. A process that uses one holds a shared lock on the file `.lock`. The folders of
killed processes are removed by the next process that finds the lock unused.
"""

import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, flock
from pathlib import Path
from tempfile import mkdtemp

_PREFIX = ".staged-"


@contextmanager
def staged(root: Path) -> Iterator[Path]:
    """Create a hidden folder below that of the databases, and remove it at the end, unless it was renamed.

    It is also removed if SIGTERM or SIGHUP ends the command.
    """
    root.mkdir(parents=True, exist_ok=True)
    with _locked(root), _exit_on_signals():
        folder = Path(mkdtemp(dir=root, prefix=_PREFIX))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Hold the lock, after removing what is no longer used."""
    with (root / ".lock").open("a+") as lock:
        with suppress(OSError):  # others hold the lock, or the file system has no locks
            flock(lock, LOCK_EX | LOCK_NB)
            for folder in root.glob(f"{_PREFIX}*"):
                shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):
            flock(lock, LOCK_SH)
        yield


@contextmanager
def _exit_on_signals() -> Iterator[None]:
    """Raise SystemExit on signals that would end the process at once."""

    def leave(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    handled = [one for one in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(one) == signal.SIG_DFL]
    for number in handled:
        signal.signal(number, leave)
    try:
        yield
    finally:
        for number in handled:
            signal.signal(number, signal.SIG_DFL)
