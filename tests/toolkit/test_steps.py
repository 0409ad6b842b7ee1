"""How far a job is: its stages, and what counts its steps."""

import time
from pathlib import Path

from greeter.toolkit import Job


def test_a_count_shows_how_much_is_done(tmp_path: Path) -> None:
    """It needs no loop, and the total may be unknown."""
    job = Job(tmp_path)
    job.at(3, 10, unit="sequence")
    assert job.progress == {"current": 3, "total": 10, "unit": "sequence"}
    job.at(4)
    assert job.progress == {"current": 4, "total": None, "unit": "step"}


def test_the_outermost_loop_is_shown_instead_of_a_count(tmp_path: Path) -> None:
    """After the loop, the count is shown again."""
    job = Job(tmp_path)
    for _ in job.track("ab", unit="file"):
        job.at(7, 8, unit="line")
        assert job.progress["unit"] == "file"
    job.at(1, 8, unit="line")
    assert job.progress == {"current": 1, "total": 8, "unit": "line"}


def test_the_time_of_a_count_starts_with_its_first_step(tmp_path: Path) -> None:
    """A count that starts again, or has another total or unit, has a start of its own."""
    job = Job(tmp_path)
    for again in ((1, 9, "step"), (3, 8, "step"), (3, 9, "file")):
        job.at(2, 9, "step")
        time.sleep(0.3)
        job.at(3, 9, "step")
        assert job.seconds >= 0.3
        start = time.monotonic()
        job.at(*again)
        assert job.seconds <= round(time.monotonic() - start, 1)


def test_each_stage_has_its_own_progress(tmp_path: Path) -> None:
    """It starts with nothing done, even in the middle of a loop."""
    job = Job(tmp_path)
    job.stage("Reading", 1, 2)
    reading = {"name": "Reading", "number": 1, "total": 2}
    assert (job.progress, job.seconds) == ({"current": 0, "total": None, "unit": "step", "stage": reading}, 0)
    loop = job.track("abc", unit="file")
    next(loop)
    assert job.progress == {"current": 0, "total": 3, "unit": "file", "stage": reading}
    job.stage("x" * 100)
    unknown = {"name": "x" * 80, "number": None, "total": None}
    assert job.progress == {"current": 0, "total": None, "unit": "step", "stage": unknown}
    next(job.track("ab", unit="hit"))
    assert job.progress["unit"] == "hit"
