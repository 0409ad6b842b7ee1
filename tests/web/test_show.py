"""How numbers are shown."""

import pytest

from greeter.web.show import duration, plural


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "less than a second"),
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "1 minute"),
        (119, "1 minute"),
        (12_000, "3 hours and 20 minutes"),
    ],
)
def test_a_time_is_told_as_exactly_as_it_matters(seconds: int, words: str) -> None:
    """Seconds only in the first minute, as the tag of a record counts them."""
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("unit", "number", "words"),
    [
        ("step", 1, "step"),
        ("step", 2, "steps"),
        ("query", 3, "queries"),
        ("day", 0, "days"),
        ("match", None, "matches"),
    ],
)
def test_a_unit_has_its_plural(unit: str, number: int | None, words: str) -> None:
    """As English has it."""
    assert plural(unit, number) == words
