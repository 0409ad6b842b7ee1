"""Whether a process can run jobs: DATA_DIR and Redis belong together, files can be written, and no job has changed it.

The folder of the jobs and Redis both have the id of the installation. The first process that finds neither creates it.
"""

from __future__ import annotations

import logging
import os
import resource
import sys
import threading
import time
from contextlib import suppress
from errno import EDQUOT, EMFILE, ENOSPC
from pathlib import Path
from secrets import token_hex
from tempfile import NamedTemporaryFile, TemporaryFile

from redis import RedisError

from greeter.jobs.store import Store
from greeter.settings import Settings

log = logging.getLogger(__name__)

MARKER = ".installation"
_NOT_PAIRED = (
    "DATA_DIR and the Redis server in REDIS_URL do not belong to the same installation. Check that the disk is mounted "
    "and that both settings are correct. If you emptied or replaced one on purpose, run honcho run flask pair-storage."
)
_OTHER_USER = "The files in DATA_DIR belong to another user. Run the web and all workers as the same user."
_UNUSABLE = "DATA_DIR cannot be used: {}. It must be mounted, writable, and owned by the user of this process."
# Reading does not need disk space, and a process without descriptors is replaced.
_IGNORED = (ENOSPC, EDQUOT, EMFILE)

_MAX_NEW_DESCRIPTORS = 32  # that jobs may leave open in a process
_MAX_NEW_THREADS = 8


def check(settings: Settings) -> None:
    """Exit with a message if jobs cannot be stored and run. A Redis that is down may still come up."""
    store = Store(settings)
    with store.redis:
        found = _lasting_problem(store)
    if found:
        print(found, file=sys.stderr)
        sys.exit(os.EX_CONFIG)


def _lasting_problem(store: Store) -> str | None:
    """Return a problem that lasts for a second: another process may be creating the installation."""
    found = None
    try:
        for pause in (0.5, 0.5, 0):
            if not (found := problem(store)):
                return None
            time.sleep(pause)
    except RedisError as error:
        log.warning("Redis is unavailable, so it could not be compared with DATA_DIR: %s", error)
        return None
    return found


def problem(store: Store) -> str | None:
    """Return why no process on this machine can run jobs, or None. Raises redis.RedisError."""
    folder = store.files.root
    try:
        installation = store.installation() or _create(store)
        if installation != _marker(folder):
            return _NOT_PAIRED
        with TemporaryFile(dir=folder, prefix=".") as trial:
            same_owner = os.fstat(trial.fileno()).st_uid == (folder / MARKER).stat().st_uid
        return None if same_owner else _OTHER_USER
    except OSError as error:
        return None if error.errno in _IGNORED else _UNUSABLE.format(error.strerror)


def pair(store: Store) -> str | None:
    """Make the folder and Redis belong together, whatever they belonged to. Return why they cannot be used, or None."""
    (store.files.root / MARKER).unlink(missing_ok=True)
    store.forget_installation()
    return problem(store)


def _marker(folder: Path) -> str | None:
    """Return the id of the installation that a folder belongs to."""
    with suppress(FileNotFoundError):
        return (folder / MARKER).read_text()
    return None


def _create(store: Store) -> str | None:
    """Create the installation and return its id; return None if the folder has jobs of another one."""
    folder = store.files.root
    folder.mkdir(parents=True, exist_ok=True)
    if _marker(folder) is None:
        with NamedTemporaryFile("w", dir=folder, prefix=".") as file:
            file.write(token_hex(16))
            file.flush()
            with suppress(FileExistsError):  # another process was faster
                os.link(file.name, folder / MARKER)
            os.fsync(file)
    elif store.files.has_jobs():
        return None
    return store.installation(_marker(folder) or "")


class ProcessState:
    """The state in which a pool process starts. A process that a job has changed is replaced before the next job."""

    def __init__(self) -> None:
        """Remember the state of this process."""
        self._settings = _settings()
        self._descriptors, self._threads = _descriptors(), threading.active_count()

    def change(self) -> str | None:
        """Return what jobs have changed that would affect others, or None."""
        try:
            if _descriptors() > self._descriptors + _MAX_NEW_DESCRIPTORS:
                return "open files"
            if threading.active_count() > self._threads + _MAX_NEW_THREADS:
                return "threads"
            return None if _settings() == self._settings else "the working directory, the umask or a resource limit"
        except OSError as error:  # no descriptor is left, or the working directory was removed
            return str(error.strerror)


def _descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def _settings() -> tuple[object, ...]:
    umask = os.umask(0o077)
    os.umask(umask)
    names = (name for name in dir(resource) if name.startswith("RLIMIT_"))
    return Path.cwd(), umask, [resource.getrlimit(getattr(resource, name)) for name in names]
