"""The nemesis reports all that it finds, also when something cannot be checked."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.nemesis.invariants import check_attempts, violations


def test_every_check_is_made_whatever_the_others_find() -> None:
    """A check that fails by itself is a finding too."""

    def breaks() -> Iterator[str]:
        yield "found before"
        pytest.fail("no answer")

    def divides() -> list[str]:
        return [str(1 / 0)]

    assert violations({"one": lambda: ["a", "b"], "two": breaks, "three": divides, "four": lambda: ["c"]}) == [
        "one: a",
        "one: b",
        "two: found before",
        "two: could not be checked: no answer",
        "three: could not be checked: ZeroDivisionError('division by zero')",
        "four: c",
    ]


def test_concurrent_attempts_are_found(tmp_path: Path) -> None:
    """An attempt that continues after another process has started the job, but not one that ended before."""
    diary = tmp_path / "diary"
    diary.write_text("x start 1\nx goes on 1\ny start 1\nx start 2\nx end 2\ny end 1\n")
    assert list(check_attempts(diary)) == []
    diary.write_text("x start 1\nx start 2\nx goes on 1\nx end 2\n")
    assert list(check_attempts(diary)) == ["x ran at once in processes 1 and 2"]
