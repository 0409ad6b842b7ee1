"""The folders of the attempts of a job."""

import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from greeter.jobs.files.attempts import Attempts
from greeter.jobs.files.bounds import MAX_FILES
from greeter.jobs.files.folders import JobFiles
from greeter.toolkit import Job
from tests.conftest import largest_file


def test_an_attempt_cannot_change_what_was_submitted(tmp_path: Path) -> None:
    """Whatever a program does with its input, even in place, the next attempt has what was submitted."""
    source = tmp_path / "source"
    source.write_text("given\n")
    files = JobFiles(tmp_path / "jobs")
    files.create("1", {"one": source, "reads": [source, source]})
    submitted = files.size("1")
    change = 'chmod u+w "$@"; echo more >> "$1"; sed -i s/given/taken/ "$2"; gzip "$3"; touch "$1.index"'
    for number in 1, 2:
        copies = Attempts(files).copy_inputs("1", number)
        one, reads = copies["one"], copies["reads"]
        assert isinstance(one, Path)
        assert isinstance(reads, list)
        assert [path.read_text() for path in (one, *reads)] == ["given\n"] * 3
        Job(files.attempt("1", number)).run(["sh", "-c", change, "sh", one, *reads])
        assert one.read_text() == "given\nmore\n"
        assert not reads[1].exists()
    assert [path.read_text() for path in files.folder("1", "inputs").rglob("*") if path.is_file()] == ["given\n"] * 3
    for number in 1, 2:
        Attempts(files).remove_copies("1", number)
        shutil.rmtree(files.attempt("1", number))
    assert files.size("1") == submitted


def test_a_job_without_files_needs_no_copies(tmp_path: Path) -> None:
    """It has no folder for them, not even an empty one."""
    files = JobFiles(tmp_path)
    files.create("1", {})
    assert Attempts(files).copy_inputs("1", 1) == {}
    assert list(files.folder("1", "attempts").iterdir()) == []


def test_copies_are_complete_or_not_there(tmp_path: Path) -> None:
    """An attempt whose copies cannot be made, for example because the disk is full, leaves none."""
    files = JobFiles(tmp_path)
    (tmp_path / "small").touch()
    (tmp_path / "large").write_bytes(bytes(10_000))
    files.create("1", {"a": tmp_path / "small", "b": tmp_path / "large"})
    with largest_file(1000), pytest.raises(OSError, match="File too large"):
        Attempts(files).copy_inputs("1", 1)
    assert list(files.folder("1", "attempts").iterdir()) == []


def test_a_late_attempt_removes_nothing_of_its_successor(tmp_path: Path) -> None:
    """A process may be suspended right after it has claimed the job, before it has a folder."""
    files = JobFiles(tmp_path)
    (tmp_path / "source").write_text("given")
    files.create("1", {"one": tmp_path / "source"})
    for number in 1, 2, 10:
        Attempts(files).copy_inputs("1", number)
        files.attempt("1", number).mkdir()
    files.folder("1", "attempts", "other").touch()
    Attempts(files).remove("1", 2)
    assert sorted(path.name for path in files.folder("1", "attempts").iterdir()) == ["10", "10-inputs"]


def test_too_many_files_are_set_aside_instead_of_synced(tmp_path: Path) -> None:
    """A program that is killed at its hard limit may have written any number. A worker removes them later."""
    files = JobFiles(tmp_path / "jobs")
    files.create("job", {})
    for attempt, number in (1, MAX_FILES), (2, MAX_FILES - 1):
        outputs = files.attempt("job", attempt) / "outputs"
        outputs.mkdir(parents=True)
        for name in range(number):
            (outputs / f"{name}.txt").touch()
    (files.attempt("job", 1) / "outputs" / "more.txt").touch()
    assert len(files.outputs("job", 1)) == MAX_FILES
    Attempts(files).sync("job")
    assert not files.attempt("job", 1).exists()
    assert len(files.outputs("job", 2)) == MAX_FILES - 1
    assert len(list(tmp_path.rglob("more.txt"))) == 1
    files.remove_set_aside()
    assert not list(tmp_path.rglob("more.txt"))


@pytest.mark.parametrize("linked", ["", "attempts", "attempts/1", "inputs"])
def test_nothing_elsewhere_is_removed(tmp_path: Path, linked: str) -> None:
    """A tool may replace any folder of its job by a link to a folder that looks like it."""
    files, other = JobFiles(tmp_path / "jobs"), tmp_path / "other"
    (tmp_path / "source").touch()
    files.create("job", {"one": tmp_path / "source"})
    files.attempt("job", 1).mkdir()
    for name in ("1", "1-inputs", "attempts/1", "attempts/1-inputs", "inputs"):
        (other / name).mkdir(parents=True)
        for number in range(MAX_FILES + 1):
            (other / name / f"{number}").touch()
    (other / "0").touch(mode=0o400)
    there = sorted(other.rglob("*"))
    shutil.rmtree(files.folder("job", linked))
    files.folder("job", linked).symlink_to(other)
    attempts = Attempts(files)
    assert attempts.has_files("job", 1) == (linked == "inputs")
    for change in (attempts.sync, attempts.remove_copies, files.remove_inputs, files.remove):
        if change == files.remove:
            with suppress(FileNotFoundError):
                attempts.remove("job", 1)
        with suppress(FileNotFoundError):
            change("job")
        files.remove_set_aside()
    assert sorted(other.rglob("*")) == there
    assert (other / "0").stat().st_mode & 0o777 == 0o400
    assert list(files.root.iterdir()) == []
