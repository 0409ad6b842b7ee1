"""Read the index of a table of results. A tool or its program wrote it, so it may contain anything."""

import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

from greeter.toolkit.columns import MAX_COLUMNS, Column, check_columns
from greeter.toolkit.json_types import JSON
from greeter.toolkit.table import index_of, line
from greeter.web.results.paging import LONGEST_CELL, ROWS_PER_PAGE

MOST_CHOICES = 1000
_SECONDS = 5.0  # that reading a part may take
_LONGEST_VALUE = 10_000_000  # bytes, even if an index computes the value
_CUT = f"""iif(typeof("{{0}}") IN ('text', 'blob'), substr(CAST("{{0}}" AS TEXT), 1, {LONGEST_CELL + 1}), "{{0}}")"""
_MOST_DETAILS = 4_000_000  # characters, of the rows of a page together


class BrokenIndex(Exception):
    """The index cannot be read."""


Row = dict[str, Any]
"""A row of a table; see `TableIndex.page`."""


class Where(NamedTuple):
    """A condition of SQL, made of names that the index checked, and the values of its parameters."""

    sql: str = "1"
    values: Sequence[str | float] = ()


class TableIndex:
    """The index of the table in a TSV file, for a `with` statement, which turns errors of reading it into BrokenIndex.

    Raises:
        FileNotFoundError: The table has no index.
        BrokenIndex: The index cannot be read.
    """

    def __init__(self, path: Path) -> None:
        index = index_of(path)
        if not index.is_file() or index.is_symlink():
            raise FileNotFoundError(index)
        self._deadline = 0.0
        # Streamed rows may be read in another thread than the one that prepared them.
        address = f"{index.absolute().as_uri()}?mode=ro&immutable=1"
        self._connection = sqlite3.connect(address, uri=True, check_same_thread=False)
        with self:
            self._connection.text_factory = lambda text: text.decode(errors="replace")
            self._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)
            self._connection.set_progress_handler(lambda: time.monotonic() > self._deadline, 10_000)
            self._connection.execute("PRAGMA trusted_schema = OFF")
            described = self._read("SELECT name, json FROM columns LIMIT ?", [MAX_COLUMNS])
            self.columns = {name: Column(**json.loads(column)) for name, column in described}  # by their names
            check_columns(self.columns)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, sqlite3.Error | ValueError | TypeError | LookupError | RecursionError):
            self.close()
            raise BrokenIndex(str(error)) from error

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def count(self, where: Where) -> int:
        """Return how many rows match a condition."""
        (number,) = next(self._read(f"SELECT count(*) FROM rows WHERE {where.sql}", where.values))  # nosec B608
        return int(number)

    def choices(self, name: str) -> list[str] | None:
        """Return the texts in a column, each cut to 300 characters, in their order; None if there are too many."""
        sql = f"""SELECT substr("{name}", 1, {LONGEST_CELL}) FROM rows WHERE "{name}" != ''
            GROUP BY 1 ORDER BY min(number) LIMIT {MOST_CHOICES + 1}"""  # nosec B608
        found = [str(text) for (text,) in self._read(sql)]
        return found if len(found) <= MOST_CHOICES else None

    def page(self, where: Where, order: str, start: int) -> list[Row]:
        """Read up to 100 rows.

        Args:
            where: A condition.
            order: The name of the column to sort by, with a minus before it to sort downwards; empty for no sorting.
            start: How many rows to leave out.

        Returns:
            Each row as its cells by the names of the columns, texts cut after 301 characters; and as `number` its
            place in the TSV file, counted from 1, and as `details` those that it was added with, or None.
        """
        cells = ", ".join(map(_CUT.format, self.columns))
        order = self._order(order)
        found = f"SELECT number FROM rows WHERE {where.sql} ORDER BY {order} LIMIT {ROWS_PER_PAGE} OFFSET {start}"  # nosec B608
        # Sorting only numbers is three times as fast as sorting whole rows, on the last page of 100,000.
        sql = f"SELECT number, {cells} FROM rows WHERE number IN ({found}) ORDER BY {order} LIMIT {ROWS_PER_PAGE}"  # nosec B608
        rows = [dict(zip(("number", *self.columns), row, strict=True)) for row in self._read(sql, where.values)]
        details = self._details([row["number"] for row in rows])
        return [row | {"details": details.get(row["number"])} for row in rows]

    def _details(self, numbers: Sequence[int]) -> dict[int, JSON]:
        marks, details, size = ", ".join("?" * len(numbers)), {}, 0
        sql = f"SELECT number, json FROM details WHERE number IN ({marks})"  # nosec B608
        for number, text in self._read(sql, numbers):
            size += len(text)
            if size > _MOST_DETAILS:
                break
            details[number] = json.loads(text)
        return details

    def lines(self, where: Where, order: str) -> Iterator[bytes]:
        """Yield the lines of a TSV file with the rows that match a condition, and close the index at the end."""
        cells = ", ".join(f'"{name}"' for name in self.columns)
        try:
            yield line(list(self.columns))
            sql = f"SELECT {cells} FROM rows WHERE {where.sql} ORDER BY {self._order(order)}"  # nosec B608
            yield from (line(row) for row in self._read(sql, where.values))
        finally:
            self.close()

    def _order(self, order: str) -> str:
        name = order.removeprefix("-")
        if name not in self.columns:
            return "number"
        return f'"{name}" COLLATE NOCASE {"DESC" if order.startswith("-") else "ASC"} NULLS LAST, number'

    def _read(self, sql: str, values: Sequence[str | float] = ()) -> Iterator[Any]:
        self._deadline = time.monotonic() + _SECONDS
        cursor = self._connection.execute(sql, values)
        while rows := cursor.fetchmany(ROWS_PER_PAGE):
            yield from rows
            self._deadline = time.monotonic() + _SECONDS  # the client may have taken its time
