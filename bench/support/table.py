"""The table that the benchmarks print."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Line(NamedTuple):
    """One line of the table.

    Attributes:
        figure: What was measured.
        value: What it was, with its unit.
        beside: What it is compared with, and what that was; empty if with nothing.
        ratio: The value divided by that of the other, or None.
        target: What the ratio or the value should be; empty if there is no target.
    """

    figure: str
    value: str
    beside: str = ""
    ratio: float | None = None
    target: str = ""


def print_table(lines: Iterable[Line]) -> None:
    """Print the lines as a table in Markdown."""
    rows = [("figure", "measured", "compared with", "ratio", "target")]
    rows += [(*line[:3], "" if line.ratio is None else f"{line.ratio:.2f}", line.target) for line in lines]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, tuple("-" * width for width in widths))  # type: ignore[arg-type]
    for row in rows:
        print("|", " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)), "|")
