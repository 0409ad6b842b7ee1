"""The folders of jobs on disk."""

import os
import shutil
import time
from math import inf
from pathlib import Path

import pytest

from greeter.jobs.files.folders import JobFiles
from greeter.toolkit import Job


def test_only_regular_files_with_plain_names_are_results(tmp_path: Path) -> None:
    """Links, folders and files with unusual names are not offered for download."""
    files = JobFiles(tmp_path)
    files.create("1", {})
    names = ["-x", ".hidden", "a b", "a\r\nSet-Cookie: b", "<b>.txt", "\u202etxt.exe", "a" * 81, "tab\t.tsv"]
    make = 'mkdir folder; ln -s /etc/passwd link; ln -s . loop; for name; do echo x > "./$name"; done; echo said'
    Job(files.attempt("1", 3)).run(["sh", "-c", make, "sh", *names, "good.txt", "B-2_c.tar"], stdout="said.txt")
    assert len(list((files.attempt("1", 3) / "outputs").iterdir())) == len(names) + 6
    assert [path.name for path in files.outputs("1", 3)] == ["B-2_c.tar", "good.txt", "said.txt"]
    assert files.outputs("2", 3) == []


def test_the_size_of_a_job_counts_a_block_for_each_file_and_folder(tmp_path: Path) -> None:
    """Empty files take no bytes, but a disk has room only for so many."""
    files = JobFiles(tmp_path / "jobs")
    (tmp_path / "query").write_bytes(bytes(10_000))
    files.create("1", {"query": tmp_path / "query"})
    empty = files.size("1")
    assert empty == 10_000 + 2 * 4096
    for number in range(10):
        (files.folder("1") / f"{number}").touch()
        (files.folder("1") / f"folder{number}").mkdir()
    (files.folder("1") / "link").symlink_to("/etc/passwd")
    assert files.size("1") == empty + 21 * 4096


def test_all_that_was_submitted_is_synced_with_its_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder is on the disk once its parent is."""
    synced: list[int] = []
    fsync = os.fsync

    def note(file: int) -> None:
        fsync(file)
        synced.append(os.fstat(file).st_ino)

    (tmp_path / "query").write_text("MKV")
    files = JobFiles(tmp_path / "jobs")
    monkeypatch.setattr(os, "fsync", note)
    files.create("1", {})
    assert sorted(synced) == sorted(path.stat().st_ino for path in (files.root, files.folder("1")))
    synced.clear()
    files.create("2", {"query": tmp_path / "query", "reads": [tmp_path / "query"]})
    paths = [files.root, files.folder("2"), *(files.folder("2") / "inputs").rglob("*"), files.folder("2") / "inputs"]
    assert len(paths) == 6
    assert sorted(synced) == sorted(path.stat().st_ino for path in paths)


def test_the_age_of_a_folder_is_read_from_the_clock_of_its_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker whose own clock is a month ahead does not remove what was submitted a moment ago."""
    files = JobFiles(tmp_path)
    files.create("new", {})
    files.create("old", {})
    os.utime(files.folder("old"), (0, 0))
    ahead = time.time() + 30 * 86_400
    monkeypatch.setattr(time, "time", lambda: ahead)
    assert list(files.unchanged_for(86_400, latest=inf)) == ["old"]


def input_files(files: JobFiles, job_id: str) -> list[Path]:
    """All input files of a job."""
    return sorted(path for path in (files.folder(job_id) / "inputs").rglob("*") if path.is_file())


def test_each_job_has_a_copy_of_its_input(tmp_path: Path) -> None:
    """A job that is submitted again keeps its input when the first one is deleted, and an upload may expire."""
    files = JobFiles(tmp_path / "jobs")
    sources = [tmp_path / "uploads/file", tmp_path / "examples/file"]
    for source in sources:
        source.parent.mkdir()
        source.write_text(source.parent.name)
    files.create("1", {"one": sources[0], "two": sources})
    files.create("2", files.inputs("1"))
    files.remove("1")
    for source in sources:
        source.unlink()
    assert [path.read_text() for path in input_files(files, "2")] == ["uploads", "uploads", "examples"]


@pytest.mark.parametrize("linked", ["attempts/1/outputs", "attempts/1", "attempts", "inputs"])
def test_files_elsewhere_are_not_those_of_a_job(tmp_path: Path, linked: str) -> None:
    """A tool may replace a folder by a link to another one."""
    files, other = JobFiles(tmp_path / "jobs"), tmp_path / "other"
    for name in ("1/outputs", "outputs"):
        (other / name).mkdir(parents=True, exist_ok=True)
    for folder in (other, other / "1", other / "1/outputs", other / "outputs"):
        for name in ("hits.tsv", "commands"):
            (folder / name).write_text("secret")
    files.create("job", {"sequence": other / "hits.tsv"})
    (files.attempt("job", 1) / "outputs").mkdir(parents=True)
    shutil.rmtree(files.folder("job", linked))
    files.folder("job", linked).symlink_to(other / "1" if linked == "attempts/1" else other)
    assert (files.outputs("job", 1), files.commands("job", 1)) == ([], "")
    assert (files.inputs("job") == {}) == (linked == "inputs")
    files.remove("job")
    assert (other / "1/outputs/hits.tsv").exists()


@pytest.mark.parametrize("linked", ["inputs", "inputs/one", "inputs/several", "inputs/several/0001"])
def test_a_link_in_the_place_of_an_input_is_no_input(tmp_path: Path, linked: str) -> None:
    """Its job can be neither packed with the file there nor run again with it."""
    files, other = JobFiles(tmp_path / "jobs"), tmp_path / "other"
    other.mkdir()
    for name in ("one", "several", "0000", "0001"):
        (other / name).write_text("secret")
    files.create("job", {"one": other / "one", "several": [other / "one"] * 2})
    assert files.has_inputs("job", {"one": "", "several": ["", ""]})
    place = files.folder("job", linked)
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    place.symlink_to(other / "one" if linked in ("inputs/one", "inputs/several/0001") else other)
    assert files.inputs("job") == {}
    assert not files.has_inputs("job", {"one": "", "several": ["", ""]})
    assert files.has_inputs("job", {})


def test_a_pipe_in_the_place_of_an_input_is_no_input(tmp_path: Path) -> None:
    """Whoever opened it would wait forever."""
    files = JobFiles(tmp_path / "jobs")
    (tmp_path / "source").touch()
    files.create("job", {"one": tmp_path / "source"})
    files.folder("job", "inputs", "one").unlink()
    os.mkfifo(files.folder("job", "inputs", "one"))
    assert files.inputs("job") == {}


def test_a_file_next_to_the_inputs_is_no_input(tmp_path: Path) -> None:
    """Tools of version 0.3.0 could write an index there. Their jobs can still be packed and run again."""
    files, checksums = JobFiles(tmp_path / "jobs"), {"one": "", "several": ["", ""]}
    (tmp_path / "source").touch()
    files.create("job", {"one": tmp_path / "source", "several": [tmp_path / "source"] * 2})
    files.folder("job", "inputs", "one.fai").touch()
    assert files.has_inputs("job", checksums)
    assert files.inputs("job", checksums).keys() == checksums.keys()


@pytest.mark.parametrize("place", ["inputs", "inputs/several", "inputs/several/0001", "inputs/one", ""])
@pytest.mark.parametrize("change", ["file", "folder", "gone"])
def test_inputs_that_a_tool_has_changed_are_gone(tmp_path: Path, place: str, change: str) -> None:
    """Its pages can be shown, and it can be packed without them, but not be run again."""
    files = JobFiles(tmp_path / "jobs")
    (tmp_path / "source").touch()
    files.create("job", {"one": tmp_path / "source", "several": [tmp_path / "source"] * 2})
    changed = files.folder("job", place)
    shutil.rmtree(changed) if changed.is_dir() else changed.unlink()
    if change == "file":
        changed.touch()
    if change == "folder":
        (changed / "folder").mkdir(parents=True)
    assert files.has_inputs("job", {"one": "", "several": ["", ""]}) == (
        change == "file" and changed.name in ("one", "0001")
    )
