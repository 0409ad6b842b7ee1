"""The files of forms that were not accepted yet: `DATA_DIR/uploads`, on the same file system as those of the jobs."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from greeter.jobs.trees import disk_time

KEPT_SECONDS = 86_400
_ID = re.compile("[0-9a-f]{32}")


class Uploads:
    """One file for each upload, named by its id. An id has 128 random bits, so nobody can guess one.

    Attributes:
        folder: The folder of all uploads.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder = folder
        self._max_bytes = max_bytes

    def new(self) -> str:
        """Return the id of a new upload, and create the folder. Raises OSError when DATA_DIR cannot be used."""
        self.folder.mkdir(mode=0o700, exist_ok=True)  # not its parents: if they are gone, the disk is not mounted
        return token_hex(16)

    def path(self, upload_id: str) -> Path:
        """Return the path of an upload, which need not exist. Raises ValueError if this cannot be an id."""
        if not _ID.fullmatch(upload_id):
            raise ValueError("not the id of an upload")
        return self.folder / upload_id

    def trim(self) -> None:
        """Remove the oldest uploads while all together exceed MAX_KEPT_BYTES."""
        room = self._max_bytes
        for _, size, path in sorted(self._found(), reverse=True):
            room -= size
            if room < 0:
                path.unlink(missing_ok=True)

    def expire(self, latest: float) -> None:
        """Remove uploads that are older than a day; see `disk_time`."""
        if self.folder.is_dir():  # else there was no upload yet
            oldest = disk_time(self.folder, latest) - KEPT_SECONDS
            for modified, _, path in self._found():
                if modified < oldest:
                    path.unlink(missing_ok=True)

    def _found(self) -> list[tuple[float, int, Path]]:
        """Return the time, the size and the path of each upload."""
        found = []
        for path in self.folder.glob("*"):
            with suppress(FileNotFoundError):  # removed in the meantime
                found.append((path.stat().st_mtime, path.stat().st_size, path))
        return found
