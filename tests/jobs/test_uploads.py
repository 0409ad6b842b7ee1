"""The folder of uploads."""

import os
import re
import time
from math import inf
from pathlib import Path

import pytest

from greeter.jobs.uploads import Uploads


def add(uploads: Uploads, size: int, age: float = 0) -> Path:
    """Add an upload that is some seconds old."""
    path = uploads.path(uploads.new())
    path.write_bytes(bytes(size))
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_uploads_are_kept_for_a_day(tmp_path: Path) -> None:
    """Older ones are removed, and then the oldest ones while there is too much."""
    uploads = Uploads(tmp_path / "uploads", 1000)
    uploads.trim()
    uploads.expire(latest=inf)
    fresh, old, expired = add(uploads, 400), add(uploads, 500, 80_000), add(uploads, 1, 87_000)
    uploads.trim()
    assert expired.exists()
    uploads.expire(latest=inf)
    assert (fresh.exists(), old.exists(), expired.exists()) == (True, True, False)
    newest = add(uploads, 600)
    uploads.trim()
    assert (newest.exists(), fresh.exists(), old.exists()) == (True, True, False)


def test_the_age_of_an_upload_is_read_from_the_clock_of_its_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A web server whose own clock is a month ahead does not remove the files of a form that is being filled in."""
    uploads = Uploads(tmp_path / "uploads", 1000)
    fresh, expired = add(uploads, 1), add(uploads, 1, 87_000)
    ahead = time.time() + 30 * 86_400
    monkeypatch.setattr(time, "time", lambda: ahead)
    uploads.expire(latest=inf)
    assert (fresh.exists(), expired.exists()) == (True, False)


def test_an_id_cannot_be_guessed_or_be_a_path(tmp_path: Path) -> None:
    """It has 128 random bits, and nothing else is looked for on the disk."""
    uploads = Uploads(tmp_path / "uploads", 1000)
    ids = {uploads.new() for _ in range(100)}
    assert len(ids) == 100
    assert all(re.fullmatch("[0-9a-f]{32}", one) for one in ids)
    for wrong in ("", "..", "../jobs", "a" * 31, "A" * 32, "a" * 32 + "\n", "/etc/passwd"):
        with pytest.raises(ValueError, match="not the id"):
            uploads.path(wrong)


def test_the_folder_is_not_created_on_a_disk_that_is_not_mounted(tmp_path: Path) -> None:
    """Only DATA_DIR itself has it."""
    with pytest.raises(FileNotFoundError):
        Uploads(tmp_path / "gone" / "uploads", 1000).new()
