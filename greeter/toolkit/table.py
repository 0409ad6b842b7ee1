"""A table of results that the page of a job can sort and filter: a TSV file, and an index of it in SQLite."""

import errno
import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple, Self

from greeter.toolkit.columns import Column, check_columns

Cell = str | int | float | None
_BREAKS = str.maketrans("\t\r\n", "   ")


class Mark(NamedTuple):
    """A place in a table that is being written: the number of rows before it, and their size in the TSV file."""

    rows: int
    size: int


def index_of(path: Path) -> Path:
    """Return the path of the index of a TSV file. Its name keeps it from being listed as a result file."""
    return path.with_name(f"_{path.name}.sqlite")


class Table:
    """A table that is being written, for a `with` statement; `Job.table` makes it.

    After the `with` statement, even if it ends with an exception, both files have the same rows: those whose `add` has
    returned.

    Args:
        path: The path of the TSV file.
        columns: The columns by their names, in their order.

    Raises:
        ValueError: A column breaks the rules of `Job.table`.
    """

    def __init__(self, path: Path, columns: Mapping[str, Column]) -> None:
        check_columns(columns)
        self._names = tuple(columns)
        self._file = path.open("wb")
        index_of(path).unlink(missing_ok=True)
        # If the process dies, nobody reads the files of its attempt, so a journal would be useless.
        self._index = sqlite3.connect(index_of(path), isolation_level=None)
        self._index.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN")
        cells = ", ".join(f'"{name}"' for name in columns)  # the check allows no quotation mark
        self._index.execute("CREATE TABLE columns (name, json)")
        self._index.execute(f"CREATE TABLE rows (number INTEGER PRIMARY KEY, {cells})")
        # A table of its own: to sort and filter, SQLite reads all rows, and details may be a hundred times as large.
        self._index.execute("CREATE TABLE details (number INTEGER PRIMARY KEY, json)")
        self._insert = f"INSERT INTO rows VALUES (?{', ?' * len(columns)})"  # nosec B608
        described = [(name, json.dumps(asdict(column))) for name, column in columns.items()]
        self._index.executemany("INSERT INTO columns VALUES (?, ?)", described)
        self._end = Mark(0, self._file.write(line(self._names)))

    @property
    def mark(self) -> Mark:
        """The current end of the table.

        Returns:
            The number of rows so far and their size in the TSV file, to which `rewind` can return.
        """
        return self._end

    def add(self, row: Mapping[str, Cell], details: object = None) -> None:
        """Add a row.

        Args:
            row: Its cells by the names of the columns. A column that is not named is empty.
            details: Any JSON value, for a template of the tool that shows the row. It is not in the TSV file.

        Raises:
            OSError: The disk is full.
            ValueError: The row has a cell without a column.
        """
        if unknown := row.keys() - set(self._names):
            raise ValueError(f"The table has no column {', '.join(sorted(unknown))}.")
        cells = [_clean(row.get(name)) for name in self._names]
        written = line(cells)
        number = self._end.rows + 1
        try:
            self._index.execute(self._insert, (number, *cells))
            if details is not None:
                self._index.execute("INSERT INTO details VALUES (?, ?)", (number, json.dumps(details)))
        except sqlite3.OperationalError as error:
            raise _as_os_error(error) from error
        self._file.write(written)
        self._end = Mark(number, self._end.size + len(written))  # one assignment, which no signal interrupts halfway

    def rewind(self, mark: Mark) -> None:
        """Remove all rows that were added after a mark.

        Args:
            mark: The value of `mark` after the last row to keep was added.
        """
        self._end = mark
        self._cut()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._file:
            self._cut()
            self._index.execute("COMMIT")
            self._index.close()

    def _cut(self) -> None:
        """Remove everything after the last complete row, such as a part that an interrupted `add` has written."""
        for table in ("rows", "details"):
            self._index.execute(f"DELETE FROM {table} WHERE number > ?", (self._end.rows,))  # nosec B608
        self._file.seek(self._end.size)
        self._file.truncate()


def line(cells: Iterable[object]) -> bytes:
    """Return the line of a TSV file with these cells."""
    return "\t".join("" if cell is None else str(cell).translate(_BREAKS) for cell in cells).encode() + b"\n"


def _clean(cell: Cell) -> Cell:
    return cell.encode(errors="replace").decode() if isinstance(cell, str) else cell


def _as_os_error(error: sqlite3.OperationalError) -> Exception:
    is_full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    return OSError(errno.ENOSPC, str(error)) if is_full else error
