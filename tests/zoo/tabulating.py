"""A tool whose result is a table that can be sorted and filtered."""

import time
from collections.abc import Iterator
from typing import Any

from wtforms import Form, IntegerField

from greeter.toolkit import Column, Job, SoftTimeLimitExceeded, tool

COLUMNS = {
    "name": Column("Name", filter="text"),
    "family": Column("Family", filter="choice"),
    "evalue": Column("E-value", "number", filter="max", format=".2g"),
    "score": Column("Score", "number", filter="range", format=".1f"),
    "note": Column(),
}
FAMILIES = ["globin", "kinase", "<b>protease</b>"]


class RowsForm(Form):
    """The number of rows."""

    rows = IntegerField("Rows", default=250)


def row(number: int) -> dict[str, Any]:
    """Return a row, of which no two have the same score."""
    return {
        "name": f"<i>protein</i> {number}",
        "family": FAMILIES[number % 3],
        "evalue": 10.0 ** -(number % 100),
        "score": (number * 7919 % 1_000_003) / 10,
        "note": "tab\tand\nline" if number % 2 else None,
    }


def rows(total: int) -> Iterator[dict[str, Any]]:
    """Return all rows."""
    return map(row, range(total))


@tool("Writes a table", form=RowsForm, example={"rows": 250})
def tabulate(job: Job, rows: int) -> dict[str, int]:
    """Write a table that can be sorted and filtered."""
    with job.table("proteins.tsv", COLUMNS, about="One line per protein.") as table:
        try:
            for number in job.track(range(rows), unit="row"):
                table.add(row(number))
                if rows > 1000:
                    time.sleep(0.001)  # so that sorting them takes no longer than a cancelled job may take to end
        except SoftTimeLimitExceeded:
            return job.fallback({"rows": table.mark.rows})
    return {"rows": rows}
