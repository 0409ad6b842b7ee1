"""Tests of how pages show numbers and texts."""

from pathlib import Path

import pytest
from flask import Flask, render_template, render_template_string

from greeter.jobs.files.result_files import ResultFile
from greeter.jobs.progress import ReportedProgress
from greeter.toolkit.steps import Stage
from greeter.web.template_filters import count, duration, plural, printable, words

# Characters that change the direction of writing.
TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
CONTROL = "\0\x07\x1b\x7f\x80\x9f\ud800\ufeff"
STAGE = Stage(name="Searching", number=2, total=3)


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
def test_durations_show_seconds_only_below_one_minute(seconds: int, words: str) -> None:
    """The tag of a record counts time in the same steps."""
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        (ReportedProgress(current=3, total=9, unit="step", seconds=1), "3 of 9 steps; "),
        (ReportedProgress(current=1234, total=None, unit="query", seconds=1), "1,234 queries; "),
        (ReportedProgress(current=0, total=1, unit="step", seconds=0), "0 of 1 step; "),
        (ReportedProgress(current=0, total=None, unit="step", seconds=0, stage=STAGE), ""),
        (ReportedProgress(current=0, total=2, unit="step", seconds=0, stage=STAGE), "0 of 2 steps; "),
        (None, ""),
    ],
)
def test_progress_is_shown_as_a_count(progress: ReportedProgress | None, words: str) -> None:
    """The total and the unit are shown as far as they are known."""
    assert count(progress) == words


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
def test_units_get_english_plurals(unit: str, number: int | None, words: str) -> None:
    """One takes the singular; zero, an unknown number and all others the plural."""
    assert plural(unit, number) == words


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (True, "yes"),
        (None, "none"),
        (0.5, "0.5"),
        ([1, False], "1, no"),
        ([], "none"),
        ({"mean": 2.5, "all": [1, None]}, "mean: 2.5, all: 1, none"),
    ],
)
def test_values_are_shown_in_words(value: object, shown: str) -> None:
    """Not as Python writes them."""
    assert words(value) == shown


def test_a_result_without_a_template_is_shown_in_words(app: Flask, tmp_path: Path) -> None:
    """Its values are escaped, and of an empty file there is a sentence instead of nothing."""
    (tmp_path / "hits.tsv").touch()
    files = [ResultFile(tmp_path / "hits.tsv")]
    with app.test_request_context():
        page = render_template("_result.html", record={"result": {"<b>": ["<i>", True]}}, files=files)
    assert "<dt>&lt;b&gt;</dt>\n  <dd>&lt;i&gt;, yes</dd>" in page
    assert "<h3>hits.tsv</h3>\n<p>This file is empty.</p>" in page


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
def test_unprintable_characters_are_removed(entered: str, shown: str | None) -> None:
    """Text in any script is kept, line breaks become spaces, and values that are not text are returned unchanged."""
    assert printable(entered) == (shown or entered)


def test_templates_never_output_unprintable_characters(app: Flask) -> None:
    """Any text is filtered on output; line breaks stay for editable texts, and escaped text is not escaped twice."""
    with app.test_request_context():
        page = render_template_string("{{ text }}{{ text|e }}", text=f"<b>\r\n\tA{TURNING}{CONTROL}da")
    assert page == "&lt;b&gt;\n\tAda" * 2
