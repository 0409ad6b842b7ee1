"""The installation to which DATA_DIR and Redis belong: the folder of the jobs and Redis both have its id.

The first process that finds neither creates it.
"""

import os
from contextlib import suppress
from errno import EEXIST, ENOTEMPTY
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory

from greeter.jobs.records.store import Store

MARKER = Path(".installation/id")


def is_paired(store: Store) -> bool:
    """Return whether the folder and Redis belong together. Raises OSError or redis.RedisError."""
    return (store.installation_id() or _create(store)) == id_in(store.files.root)


def forget(store: Store) -> None:
    """Let the next process create an installation, of the folder and the Redis that it finds."""
    (store.files.root / MARKER).unlink(missing_ok=True)
    store.forget_installation()


def id_in(folder: Path) -> str | None:
    """Return the id of the installation that a folder belongs to."""
    with suppress(FileNotFoundError):
        return (folder / MARKER).read_text(errors="replace")  # a damaged file is not a bug
    return None


def _create(store: Store) -> str | None:
    """Create the installation and return its id; return None if the folder has jobs of another one."""
    folder = store.files.root
    folder.mkdir(parents=True, exist_ok=True)
    if id_in(folder) is None:
        _write(folder)
    elif store.files.has_jobs():
        return None
    marker = id_in(folder)
    return store.claim_installation(marker) if marker else None


def _write(folder: Path) -> None:
    """Create the marker, unless another process is faster. It is never there without its content."""
    with TemporaryDirectory(dir=folder, prefix=".") as new:
        with Path(new, MARKER.name).open("w") as file:
            file.write(token_hex(16))
            file.flush()
            os.fsync(file)
        try:
            # Renaming to an existing folder fails, so nothing is replaced. Not every file system supports os.link.
            Path(new).rename(folder / MARKER.parent)
        except OSError as error:
            if error.errno not in (EEXIST, ENOTEMPTY):
                raise
