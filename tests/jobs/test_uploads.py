"""The folder of uploads."""

import os
import re
import time
from math import inf
from pathlib import Path

import pytest

from greeter.jobs.files.uploads import NEW, Uploads
from greeter.settings import Settings

ADA, BOB = "a" * 32, "b" * 32  # hashes of clients
MEGABYTE = 1_000_000


def make(folder: Path, max_client_bytes: int = MEGABYTE, max_kept_bytes: int = MEGABYTE) -> Uploads:
    """Make the folder of uploads in DATA_DIR, with these limits."""
    return Uploads(Settings(data_dir=folder, max_client_bytes=max_client_bytes, max_kept_bytes=max_kept_bytes))


def add(uploads: Uploads, size: int, age: float = 0, owner: str = "") -> Path:
    """Add an upload that is some seconds old."""
    path = uploads.path(uploads.new(owner))
    path.write_bytes(bytes(size))
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_uploads_are_kept_for_a_day(tmp_path: Path) -> None:
    """Older ones are removed, and then the oldest ones while there is too much."""
    uploads = make(tmp_path, 10 * MEGABYTE, 10 * MEGABYTE)
    uploads.trim()
    uploads.expire(latest=inf)
    fresh, old, expired = add(uploads, 4 * MEGABYTE), add(uploads, 5 * MEGABYTE, 80_000), add(uploads, 1, 87_000)
    uploads.trim()
    assert expired.exists()
    uploads.expire(latest=inf)
    assert (fresh.exists(), old.exists(), expired.exists()) == (True, True, False)
    newest = add(uploads, 6 * MEGABYTE)
    uploads.trim()
    assert (newest.exists(), fresh.exists(), old.exists()) == (True, True, False)


def test_a_client_displaces_no_uploads_of_one_that_has_fewer(tmp_path: Path) -> None:
    """However many it adds, and even if its hash is unknown."""
    uploads = make(tmp_path, 10 * MEGABYTE, 10 * MEGABYTE)
    old = [add(uploads, MEGABYTE, 80_000 - number, ADA) for number in range(5)]
    for owner in (BOB, ""):
        for number in range(20):
            add(uploads, MEGABYTE, 1000 - number, owner)
            uploads.trim()
    left = [path.name.rpartition("-")[0] for path in uploads.folder.iterdir()]
    assert [left.count(owner) for owner in (ADA, BOB, "")] == [4, 3, 3]
    assert [path.exists() for path in old] == [False, True, True, True, True]


def test_uploads_of_one_client_are_limited(tmp_path: Path) -> None:
    """Its oldest ones are removed. A small one counts 256 KiB, so there cannot be too many."""
    uploads = make(tmp_path, 2 * MEGABYTE, 100 * MEGABYTE)
    other = add(uploads, MEGABYTE, 80_000, BOB)
    large, *small = add(uploads, MEGABYTE, 1000, ADA), *(add(uploads, 1, 900 - number, ADA) for number in range(10))
    uploads.trim()
    assert other.exists()
    assert [path.exists() for path in (large, *small)] == [False] * 4 + [True] * 7


def test_uploads_of_running_requests_are_not_displaced(tmp_path: Path) -> None:
    """Their jobs could not be created. If such a request is lost, its upload expires like the others."""
    uploads = make(tmp_path, MEGABYTE)
    kept, new, lost = (add(uploads, 2 * MEGABYTE, age, ADA) for age in (0, 1000, 87_000))
    new, lost = new.rename(new.with_suffix(NEW)), lost.rename(lost.with_suffix(NEW))
    uploads.trim()
    assert [path.exists() for path in (kept, new, lost)] == [False, True, True]
    uploads.expire(latest=inf)
    assert [path.exists() for path in (new, lost)] == [True, False]


def test_the_age_of_an_upload_is_read_from_the_clock_of_its_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A web server whose own clock is a month ahead does not remove the files of a form that is being filled in."""
    uploads = make(tmp_path)
    fresh, expired = add(uploads, 1), add(uploads, 1, 87_000)
    ahead = time.time() + 30 * 86_400
    monkeypatch.setattr(time, "time", lambda: ahead)
    uploads.expire(latest=inf)
    assert (fresh.exists(), expired.exists()) == (True, False)


def test_an_id_cannot_be_guessed_or_be_a_path(tmp_path: Path) -> None:
    """It has 128 random bits, and nothing else is looked for on the disk."""
    uploads = make(tmp_path)
    ids = {uploads.new() for _ in range(100)}
    assert len(ids) == 100
    assert all(re.fullmatch("[0-9a-f]{32}", one) for one in ids)
    for wrong in (
        "",
        "..",
        "../jobs",
        "a" * 31,
        "A" * 32,
        "a" * 32 + "\n",
        "/etc/passwd",
        ADA + "-",
        f"../{ADA}-{ADA}",
    ):
        with pytest.raises(ValueError, match="not the id"):
            uploads.path(wrong)


def test_the_folder_is_not_created_on_a_disk_that_is_not_mounted(tmp_path: Path) -> None:
    """Only DATA_DIR itself has it."""
    with pytest.raises(FileNotFoundError):
        make(tmp_path / "gone").new()
