"""The greeting as a plain function."""

import time
from pathlib import Path

import pytest

from greeter.toolkit import Job, SoftTimeLimitExceeded
from greeter.tools.greet import expensive_greet


def test_it_greets_after_half_a_second_a_step(tmp_path: Path) -> None:
    """A tool is tested by calling it."""
    job = Job(tmp_path)
    began = time.monotonic()
    assert expensive_greet(job, person="Ada", total=2) == {"greeting": "Greetings, Ada!"}
    assert time.monotonic() - began >= 1
    assert job.progress == {"current": 2, "total": 2, "unit": "step"}


def test_at_the_time_limit_it_greets_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fallback is the tool's own."""

    def too_late(seconds: float) -> None:
        raise SoftTimeLimitExceeded

    monkeypatch.setattr(time, "sleep", too_late)
    assert expensive_greet(Job(tmp_path), person="Ada", total=2) == {"greeting": "Greetings, fallback!"}
