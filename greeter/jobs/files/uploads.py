"""The files of forms that were not accepted yet: `DATA_DIR/uploads`, on the same file system as those of the jobs."""

import os
import re
from collections import Counter, defaultdict
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from greeter.jobs.files.trees import disk_time
from greeter.settings import Settings

KEPT_SECONDS = 86_400
NEW = ".new"  # the suffix of an upload while the request that sent it runs
_ID = re.compile("(?:[0-9a-f]{32}-)?[0-9a-f]{32}")
_BLOCK = 262_144  # bytes that an upload counts at least, so that there cannot be too many


class Uploads:
    """One file for each upload, named by its id: the hash of the client, "-", and 128 random bits.

    Nobody can guess an id, and an upload is found even if the address of its visitor has changed.
    """

    def __init__(self, settings: Settings) -> None:
        self.folder = settings.data_dir / "uploads"
        self._max_client_bytes, self._max_bytes = settings.max_client_bytes, settings.max_kept_bytes

    def new(self, owner: str = "") -> str:
        """Return the id of a new upload, and create the folder. Raises OSError when DATA_DIR cannot be used.

        `owner` is the hash of the client. All clients whose hash is unknown count as one.
        """
        self.folder.mkdir(mode=0o700, exist_ok=True)  # not its parents: if they are gone, the disk is not mounted
        return f"{owner}-{token_hex(16)}".removeprefix("-")

    def path(self, upload_id: str) -> Path:
        """Return the path of an upload, which need not exist. Raises ValueError if this cannot be an id."""
        if not _ID.fullmatch(upload_id):
            raise ValueError("not the id of an upload")
        return self.folder / upload_id

    def trim(self) -> None:
        """Remove uploads while those of a client exceed MAX_CLIENT_BYTES, or all together exceed MAX_KEPT_BYTES.

        Always removes the oldest upload of the client that has most, so nobody can displace the uploads of others by
        sending more. Uploads of running requests are kept: their jobs need them.
        """
        kept: dict[str, list[tuple[int, Path]]] = defaultdict(list)  # of each client, the oldest last
        sizes: Counter[str] = Counter()
        for _, size, path in sorted(self._found(), reverse=True):
            if path.suffix == NEW:
                continue
            owner = path.name.rpartition("-")[0]
            kept[owner].append((size, path))
            sizes[owner] += size
        while sizes:
            [(owner, most)] = sizes.most_common(1)
            if most <= self._max_client_bytes and sizes.total() <= self._max_bytes:
                break
            size, path = kept[owner].pop()
            path.unlink(missing_ok=True)
            sizes[owner] -= size

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
        with suppress(FileNotFoundError), os.scandir(self.folder) as entries:  # there was no upload yet
            for entry in entries:
                with suppress(FileNotFoundError):  # removed in the meantime
                    status = entry.stat()
                    found.append((status.st_mtime, max(status.st_size, _BLOCK), Path(entry)))
        return found
