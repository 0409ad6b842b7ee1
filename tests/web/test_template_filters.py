"""How numbers and texts are shown."""

import pytest
from flask import Flask, render_template_string

from greeter.web.template_filters import duration, plural, printable

TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
CONTROL = "\0\x07\x1b\x7f\x80\x9f\ud800\ufeff"


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


@pytest.mark.parametrize(
    ("entered", "shown"),
    [
        ("Ada Lovelace", "Ada Lovelace"),
        ("\u0141ukasz \u4e2d\u6587 \u0639\u0631\u0628\u064a \U0001f9ec <&>\"'", None),
        (f"A{TURNING}d{CONTROL}a", "Ada"),
        ("Ada\r\nLovelace\nof\tOckham\u00a0Park\u2028", "Ada Lovelace of Ockham Park "),
        (f"Ada{TURNING}".encode(), None),
    ],
)
def test_what_cannot_be_shown_is_removed(entered: str, shown: str | None) -> None:
    """All scripts of the world can be, and what is no text is left alone."""
    assert printable(entered) == (shown or entered)


def test_no_page_shows_what_cannot_be_shown(app: Flask) -> None:
    """Whoever put it there; line breaks stay, for texts that are edited, and what is escaped stays so."""
    with app.test_request_context():
        page = render_template_string("{{ text }}{{ text|e }}", text=f"<b>\r\n\tA{TURNING}{CONTROL}da")
    assert page == "&lt;b&gt;\n\tAda" * 2
