"""A job as its tool sees it, without any service."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from greeter.toolkit import Job


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


def test_a_loop_within_a_loop_does_not_count(tmp_path: Path) -> None:
    """The outermost is shown; the next one when that has ended."""
    job = Job(tmp_path)
    for _ in job.track(range(2), unit="query"):
        assert list(job.track("abc", unit="letter")) == ["a", "b", "c"]
        assert job.progress
        assert job.progress["unit"] == "query"
    assert job.progress == {"current": 2, "total": 2, "unit": "query"}
    next(job.track("xyz", unit="letter"))
    assert job.progress == {"current": 0, "total": 3, "unit": "letter"}


def test_a_second_loop_has_its_own_time(tmp_path: Path) -> None:
    """Or the time that remains would be reckoned from what the first one took."""
    job = Job(tmp_path)
    list(job.track(range(2)))
    time.sleep(0.5)
    both = job.seconds
    loop = job.track(range(3))
    next(loop)
    assert job.seconds < both


@pytest.mark.parametrize(("limits", "ends"), [({}, True), ({"memory": 50_000_000}, False), ({"file_size": 10}, False)])
def test_a_program_runs_within_its_limits(tmp_path: Path, limits: dict[str, int], ends: bool) -> None:
    """What it prints is a result file; it sees neither our environment nor our input."""
    job = Job(tmp_path)
    program = [
        sys.executable,
        "-c",
        "import os; x = bytearray(60_000_000); print(*sorted(os.environ), input if 0 else 1)",
    ]
    if not ends:
        with pytest.raises(subprocess.CalledProcessError):
            job.run(program, stdout="said.txt", **limits)
        return
    job.run(program, stdout="said.txt")
    with job.open("said.txt", "r") as said:
        assert set(said.read().split()) <= {"HOME", "LC_ALL", "LC_CTYPE", "PATH", "1"}


def test_a_program_keeps_to_the_limits_of_its_worker_too(tmp_path: Path) -> None:
    """Whatever the tool allows."""
    code = (
        "import resource, sys; from pathlib import Path; from greeter.toolkit import Job;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000));"
        "Job(Path(sys.argv[1])).run(['sh', '-c', 'ulimit -f'], stdout='said.txt')"
    )
    environ = os.environ | {"COVERAGE_PROCESS_CONFIG": ""}  # its data file would exceed the limit
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=environ, check=True)
    assert (tmp_path / "outputs/said.txt").read_text() == "1\n"


def test_a_program_that_fails_or_is_not_there_is_told(tmp_path: Path) -> None:
    """With its status; what it complained about is in the job's log."""
    job = Job(tmp_path)
    with pytest.raises(subprocess.CalledProcessError) as raised:
        job.run(["sh", "-c", "echo oh >&2; exit 3"], stdout="said.txt")
    assert raised.value.returncode == 3
    assert (tmp_path / "log").read_text() == "oh\n"
    with pytest.raises(FileNotFoundError, match="no program 'nothing-like-it'"):
        job.run(["nothing-like-it"], stdout="said.txt")


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
