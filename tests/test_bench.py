"""The benchmarks end by themselves, whatever becomes of a part."""

import sys
import time
from contextlib import suppress
from importlib import import_module
from types import SimpleNamespace

import pytest

from bench.support.deadline import lines
from bench.support.table import Line
from tests.conftest import wait_for


def test_a_part_that_does_not_end_is_ended() -> None:
    """Even if it catches what goes wrong and tries again. What it has started is stopped."""
    stopped = []

    def endless() -> None:
        try:
            while True:
                with suppress(Exception):
                    time.sleep(60)
        finally:
            stopped.append(True)

    part = SimpleNamespace(__name__="bench.endless", lines=endless)
    assert lines(part, 1) == [Line("bench.endless", "ended after 1 s")]
    assert stopped


@pytest.mark.parametrize(
    ("fail", "problem"),
    [
        (lambda: sys.exit("no wrk: install it"), "failed: no wrk: install it"),
        (lambda: wait_for(bool, 0.01), "failed: not within 0.01 s"),
        (lambda: [][0], "failed: list index out of range"),
    ],
)
def test_a_part_that_fails_leaves_the_others(fail: object, problem: str) -> None:
    """A line says why."""
    assert lines(SimpleNamespace(__name__="bench.one", lines=fail), 60) == [Line("bench.one", problem)]


def test_all_parts_together_take_half_an_hour_at_most() -> None:
    """Whatever happens to them."""
    assert sum(import_module("bench.__main__").PARTS.values()) <= 1800
