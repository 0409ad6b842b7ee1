"""Whether jobs can be stored and run: DATA_DIR and Redis belong together, and files can be written."""

import logging
import os
import sys
import time
from collections.abc import Callable
from errno import EDQUOT, EMFILE, ENOSPC
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from threading import Thread

from redis import RedisError

from greeter.jobs import installation
from greeter.jobs.files.probe import NoAnswer, NoThread, Probe
from greeter.jobs.files.trees import Space, free_space
from greeter.jobs.records.store import Store
from greeter.settings import Settings

log = logging.getLogger(__name__)

_MIN_FREE_FILES = 10_000
_NOT_PAIRED = (
    "DATA_DIR and the Redis server in REDIS_URL do not belong to the same installation. Check that the disk is mounted "
    "and that both settings are correct. If you emptied or replaced one on purpose, run honcho run flask pair-storage."
)
HANGS = "DATA_DIR does not respond. Check its disk or file server."
NO_THREAD = "Cannot start a thread. Raise the process or memory limit, or stop whatever is using it up."
_OTHER_USER = "The files in DATA_DIR belong to another user. Run the web and all workers as the same user."
_UNUSABLE = "DATA_DIR cannot be used: {}. It must be mounted, writable, and owned by the user of this process."
# Reading does not need disk space, and a process without descriptors is replaced.
_IGNORED = (ENOSPC, EDQUOT, EMFILE)


class Fitness:
    """Whether this process can store and run jobs. No method waits for a DATA_DIR that does not answer.

    Methods raise redis.RedisError.
    """

    def __init__(self, store: Store, min_free_bytes: int) -> None:
        self._probe = Probe(partial(problem, store))
        self._space = Probe(partial(free_space, store.files.root))
        self._min_free_bytes = min_free_bytes
        store.files.hangs = lambda: self._probe.hangs

    def problem(self) -> str | None:
        """Check now, for up to 5 seconds, and return the problem."""
        return _answer(self._probe.fresh)

    def last_problem(self) -> str | None:
        """Return the problem that the last check found, and start the next one."""
        return _answer(self._probe.last)

    def refresh(self) -> None:
        """Start a check if the last one is old. This detects a DATA_DIR that does not answer."""
        self._probe.refresh()

    def space(self) -> Space:
        """Return what is free on the disk of DATA_DIR. Raises OSError, also if the disk does not answer."""
        if self._probe.hangs:
            raise NoAnswer
        return self._space.fresh()

    def has_space(self, needed: int = 0) -> bool:
        """Return whether MIN_FREE_BYTES and enough files are free besides these bytes, so that jobs are accepted."""
        try:
            space = self.space()
        except OSError:  # DATA_DIR cannot be used, which problem() reports
            return True
        has_files = space.files is None or space.files >= _MIN_FREE_FILES
        return has_files and space.bytes - needed >= self._min_free_bytes

    def require_space(self, needed: int = 0) -> None:
        """Raise OSError unless `has_space`."""
        if not self.has_space(needed):
            raise OSError(ENOSPC, "less than MIN_FREE_BYTES, or room for fewer than 10,000 files, is free")


def _answer(ask: Callable[[], str | None]) -> str | None:
    """Return the problem that a probe has found, or why it has no answer."""
    try:
        return ask()
    except NoThread:
        return NO_THREAD
    except NoAnswer:
        return HANGS


def check(settings: Settings) -> str:
    """Exit with a message if jobs cannot be stored and run. A Redis that is down may still come up.

    Returns:
        The id of the installation, or an empty string if it is not known yet.
    """
    store = Store(settings)
    with store.redis:
        found = _lasting_problem(Fitness(store, settings.min_free_bytes))
    if found:
        print(found, file=sys.stderr)
        # systemd tries again only after the first.
        sys.exit(os.EX_TEMPFAIL if found in (HANGS, NO_THREAD) else os.EX_CONFIG)
    return installation.id_in(store.files.root) or ""


def _lasting_problem(fitness: Fitness) -> str | None:
    """Return a problem that lasts for a second: another process may be creating the installation."""
    found = None
    try:
        for pause in (0.5, 0.5, 0):
            if not (found := fitness.problem()):
                return None
            time.sleep(pause)
    except RedisError as error:
        log.warning("Redis is unavailable, so it could not be compared with DATA_DIR: %s", error)
        return None
    return found


def problem(store: Store) -> str | None:
    """Return why no process on this machine can run jobs, or None. Raises redis.RedisError."""
    try:
        if not installation.is_paired(store):
            return _NOT_PAIRED
    except OSError as error:
        return _problem_of(error)
    return disk_problem(store.files.root)


def disk_problem(folder: Path) -> str | None:
    """Return why the folder of the jobs cannot be used, as far as this can be checked without Redis, or None."""
    try:
        with TemporaryFile(dir=folder, prefix=".") as trial:
            same_owner = os.fstat(trial.fileno()).st_uid == (folder / installation.MARKER).stat().st_uid
        return None if same_owner else _OTHER_USER
    except OSError as error:
        return _problem_of(error)


def _problem_of(error: OSError) -> str | None:
    return None if error.errno in _IGNORED else _UNUSABLE.format(error.strerror)


def thread_problem() -> str | None:
    """Return why this process cannot start a thread, or None."""
    try:
        Thread(target=int, daemon=True).start()
    except RuntimeError:
        return NO_THREAD
    return None
