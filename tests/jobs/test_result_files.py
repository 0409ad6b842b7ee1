"""Tests of what a tool says about its result files."""

import os
from pathlib import Path

import pytest

from greeter.jobs.files.folders import JobFiles
from greeter.jobs.files.result_files import result_files
from greeter.toolkit import Job
from greeter.toolkit.outputs import read_sentences


def test_each_file_has_the_last_sentence_about_it(tmp_path: Path) -> None:
    """A sentence is given with the file or separately, even for a file that a program writes."""
    files = JobFiles(tmp_path)
    files.create("1", {})
    job = Job(files.attempt("1", 3))
    job.open("hits.tsv", about="One line per hit").close()
    job.open("other.txt").close()
    job.about("tree.nwk", "No tree yet.")
    job.about("tree.nwk", "The tree of all sequences é.")
    job.run(["touch", "tree.nwk"], stdout="_log.txt")
    assert [(file.name, file.about) for file in result_files(files, "1", 3)] == [
        ("hits.tsv", "One line per hit"),
        ("other.txt", ""),
        ("tree.nwk", "The tree of all sequences é."),
    ]


def test_intermediate_files_are_not_listed(tmp_path: Path) -> None:
    """Their names start with an underscore, whether the tool or its program wrote them."""
    files = JobFiles(tmp_path)
    files.create("1", {})
    job = Job(files.attempt("1", 1))
    with job.open("_index", "wb") as index:
        index.write(b"x")
    job.run(["sh", "-c", "cat _index > _copy"], stdout="_output.txt")
    assert {path.name for path in (files.attempt("1", 1) / "outputs").iterdir()} == {"_index", "_copy", "_output.txt"}
    assert result_files(files, "1", 1) == []


def test_a_sentence_about_an_unsafe_name_is_rejected(tmp_path: Path) -> None:
    """As the file itself would be."""
    with pytest.raises(ValueError, match="is not a valid name"):
        Job(tmp_path).about("../x", "A sentence.")
    assert not list(tmp_path.rglob("*"))


@pytest.mark.parametrize(
    "content",
    [b"\xff\n", b"[1]\n", b'{"a": 1}\n', b"7\n", b"[" * 100_000 + b"\n", os.urandom(3_000_000), b"[[], {}]\n"],
)
def test_descriptions_before_the_damage_of_their_list_are_read(tmp_path: Path, content: bytes) -> None:
    """A program that runs in the job's folder could have written anything there."""
    job = Job(tmp_path)
    job.about("a.txt", "Read before the damage.")
    with (tmp_path / "about.jsonl").open("ab") as file:
        file.write(content)
    assert read_sentences(tmp_path)["a.txt"] == "Read before the damage."


def test_a_sentence_is_bounded(tmp_path: Path) -> None:
    """A page that lists 1,000 files stays small."""
    Job(tmp_path).about("a.txt", "x" * 10_000)
    assert read_sentences(tmp_path) == {"a.txt": "x" * 300}
