"""The greeting, called as a plain function."""

import time
from pathlib import Path

import pytest

from greeter.toolkit import Job, SoftTimeLimitExceeded
from greeter.tools.greet import expensive_greet


def test_the_greeting_takes_half_a_second_per_step(tmp_path: Path) -> None:
    """The tool returns the greeting after all steps, and its progress is complete."""
    job = Job(tmp_path)
    start = time.monotonic()
    assert expensive_greet(job, person="Ada", total=2) == {"greeting": "Greetings, Ada!"}
    assert time.monotonic() - start >= 1
    assert job.progress == {"current": 2, "total": 2, "unit": "step"}


def test_the_greeting_has_a_fallback_at_the_soft_time_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tool returns its own fallback after SoftTimeLimitExceeded."""

    def time_out(seconds: float) -> None:
        raise SoftTimeLimitExceeded

    monkeypatch.setattr(time, "sleep", time_out)
    assert expensive_greet(Job(tmp_path), person="Ada", total=2) == {"greeting": "Greetings, fallback!"}
