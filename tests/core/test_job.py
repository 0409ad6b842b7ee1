"""A job as its tool sees it, without any service."""

from pathlib import Path

import pytest

from greeter.core import Job


def test_track_counts_an_item_when_the_next_is_asked_for(tmp_path: Path) -> None:
    """What the loop's body has not finished is not done."""
    job = Job(tmp_path)
    assert job.progress is None
    seen = []
    for _ in job.track("abc", unit="letter"):
        seen.append(job.progress)
    assert [progress["current"] for progress in seen] == [0, 1, 2]
    assert job.progress == {"current": 3, "total": 3, "unit": "letter"}


def test_track_takes_what_has_no_length(tmp_path: Path) -> None:
    """The total is what the author says, or unknown."""
    job = Job(tmp_path)
    assert list(job.track((n for n in range(3)), total=3)) == [0, 1, 2]
    assert job.progress == {"current": 3, "total": 3, "unit": "step"}
    assert list(job.track(n for n in range(2))) == [0, 1]
    assert job.progress == {"current": 2, "total": None, "unit": "step"}


def test_result_files_lie_in_the_folder_of_the_job(tmp_path: Path) -> None:
    """Text is UTF-8; bytes are bytes."""
    job = Job(tmp_path)
    with job.open("hits.txt") as text, job.open("hits.bin", "wb") as data:
        text.write("é")
        data.write(b"\xff")
    with job.open("hits.txt", "r") as text:
        assert text.read() == "é"
    assert sorted(path.name for path in (tmp_path / "outputs").iterdir()) == ["hits.bin", "hits.txt"]


@pytest.mark.parametrize("name", ["", "..", "../x", "/etc/passwd", ".hidden", "a/b", "a\nb", "a" * 81, "-rf"])
def test_a_result_file_stays_in_its_folder(tmp_path: Path, name: str) -> None:
    """A name cannot leave the folder, or trouble a header or a shell."""
    with pytest.raises(ValueError, match="is no name for a result file"):
        Job(tmp_path).open(name)
    assert not list(tmp_path.rglob("*"))


def test_a_fallback_is_a_result(tmp_path: Path) -> None:
    """The label does not change what it labels."""
    assert Job(tmp_path).fallback({"greeting": "hi"}) == {"greeting": "hi"}
