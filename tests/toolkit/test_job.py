"""`Job` without a worker or Redis."""

import time
from pathlib import Path

import pytest

from greeter.toolkit import Job


def test_an_item_counts_as_done_when_the_loop_requests_the_next_one(tmp_path: Path) -> None:
    """The item that the loop's body is working on does not count yet."""
    job = Job(tmp_path)
    assert job.progress is None
    seen = [job.progress for _ in job.track("abc", unit="letter")]
    assert [progress["current"] for progress in seen] == [0, 1, 2]
    assert job.progress == {"current": 3, "total": 3, "unit": "letter"}


def test_an_iterable_without_length_has_the_given_total_or_none(tmp_path: Path) -> None:
    """`track` takes the total from its argument if the iterable has no length."""
    job = Job(tmp_path)
    assert list(job.track((n for n in range(3)), total=3)) == [0, 1, 2]
    assert job.progress == {"current": 3, "total": 3, "unit": "step"}
    assert list(job.track(n for n in range(2))) == [0, 1]
    assert job.progress == {"current": 2, "total": None, "unit": "step"}


def test_progress_shows_the_outermost_loop(tmp_path: Path) -> None:
    """A nested loop does not change the progress; a loop after the end of the first one does."""
    job = Job(tmp_path)
    for _ in job.track(range(2), unit="query"):
        assert list(job.track("abc", unit="letter")) == ["a", "b", "c"]
        assert job.progress
        assert job.progress["unit"] == "query"
    assert job.progress == {"current": 2, "total": 2, "unit": "query"}
    next(job.track("xyz", unit="letter"))
    assert job.progress == {"current": 0, "total": 3, "unit": "letter"}


def test_a_second_loop_has_its_own_start_time(tmp_path: Path) -> None:
    """Otherwise the remaining time would be estimated from the duration of the first loop."""
    job = Job(tmp_path)
    list(job.track(range(2)))
    time.sleep(0.3)
    start = time.monotonic()
    loop = job.track(range(3))
    next(loop)
    assert job.seconds <= round(time.monotonic() - start, 1)


def test_result_files_are_in_the_folder_of_the_job(tmp_path: Path) -> None:
    """Text is encoded as UTF-8, and bytes are written unchanged."""
    job = Job(tmp_path)
    with job.open("hits.txt") as text, job.open("hits.bin", "wb") as data:
        text.write("é")
        data.write(b"\xff")
    with job.open("hits.txt", "r") as text:
        assert text.read() == "é"
    assert sorted(path.name for path in (tmp_path / "outputs").iterdir()) == ["hits.bin", "hits.txt"]


@pytest.mark.parametrize("name", ["", "..", "../x", "/etc/passwd", ".hidden", "a/b", "a\nb", "a" * 81, "-rf"])
def test_an_unsafe_name_of_a_result_file_is_rejected(tmp_path: Path, name: str) -> None:
    """A name cannot leave the folder or break an HTTP header or a shell command."""
    with pytest.raises(ValueError, match="is not a valid name for a result file"):
        Job(tmp_path).open(name)
    assert not list(tmp_path.rglob("*"))


def test_a_fallback_equals_its_result(tmp_path: Path) -> None:
    """The label does not change the result."""
    assert Job(tmp_path).fallback({"greeting": "hi"}) == {"greeting": "hi"}
