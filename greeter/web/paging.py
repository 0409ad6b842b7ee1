"""Paging of large results: files with one JSON row per line, or tables, of which a page shows some."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from os import fstat
from pathlib import Path
from typing import Any, BinaryIO

_ROWS_PER_PAGE = 100
_PAGE_BYTES = 256 * 1024  # of a table; of other rows, it is what is read first to find the page before
_MAX_COLUMNS = 50
_LONGEST_CELL = 300  # characters
_NUMBER = re.compile(r"\s*[-+]?(\d[\d,]*\.?\d*|\.\d+)([eE][-+]?\d+)?\s*%?|[-+]?(inf|nan)|NA|-", re.IGNORECASE)


class _Tabs(csv.excel_tab):
    quoting = csv.QUOTE_NONE  # in tab-separated values, a quotation mark is a character like any other


@dataclass(frozen=True)
class Page:
    """Some rows of a file.

    Attributes:
        rows: The rows, decoded from JSON.
        next_start: The position of the next row in the file, in bytes; None at the end of the file.
        previous_start: The position of the page before this one; None at the start of the file.
    """

    rows: list[Any]
    next_start: int | None
    previous_start: int | None


def read_rows(path: Path, start: int = 0) -> Page:
    """Read a page of rows.

    Args:
        path: A file with one JSON value per line.
        start: The position of the first row, in bytes.

    Returns:
        Up to 100 rows.

    Raises:
        LookupError: No row starts at this position.
    """
    with path.open("rb") as file:
        if not _seek_row(file, start):
            raise LookupError(f"no row starts at {start}")
        lines = list(islice(file, _ROWS_PER_PAGE))
        end = file.tell()
        next_start = end if file.read(1) else None
        previous_start = _previous_start(file, start) if start else None
    return Page([json.loads(line) for line in lines], next_start, previous_start)


def _previous_start(file: BinaryIO, start: int) -> int:
    """Return the position of the row that is a page before another one, reading the file backwards."""
    begin, size, rows = start, _PAGE_BYTES, [b""]
    while begin and len(rows) <= _ROWS_PER_PAGE + 1:  # the first may be the end of a row, and the last is empty
        begin, size = max(0, start - size), 4 * size
        file.seek(begin)
        rows = file.read(start - begin).split(b"\n")
    return start - sum(len(row) + 1 for row in rows[-_ROWS_PER_PAGE - 1 : -1])


@dataclass(frozen=True)
class TablePage(Page):
    """Some rows of a table, each a list of texts. The page before it is always the first one.

    Attributes:
        header: The first row of the file.
        complete: Whether this page and the next ones show everything, apart from the ends of long cells and rows.
    """

    header: list[str]
    complete: bool

    @property
    def numeric(self) -> list[bool]:
        """For each column, whether its cells on this page are numbers; some may be empty."""
        columns = ([row[index] for row in self.rows if row[index:]] for index in range(len(self.header)))
        return [any(cells) and all(_NUMBER.fullmatch(cell) for cell in cells if cell) for cells in columns]


def read_table(path: Path, start: int = 0) -> TablePage:
    """Read a page of a table. No file makes this fail or read more than 512 KiB of it.

    Args:
        path: A file of tab-separated values or, if it is named `.csv`, of comma-separated ones.
        start: The position of the first row, in bytes.

    Returns:
        Up to 100 rows of together 256 KiB, without what is beyond 50 columns or 300 characters in a cell.

    Raises:
        LookupError: No row starts at this position.
    """
    comma = path.suffix.lower() == ".csv"
    with path.open("rb") as file:
        if not _seek_row(file, start):
            raise LookupError(f"no row starts at {start}")
        header, body = next(_table_rows(file, 0, comma), ([], 0))
        start = max(start, body)
        read = list(islice(_table_rows(file, start, comma), _ROWS_PER_PAGE))
        end = read[-1][1] if read else start
        more = end < fstat(file.fileno()).st_size
    rows = [_cut(row) for row, _ in read if row]
    next_start, previous_start = (end if read and more else None), (0 if start > body else None)
    return TablePage(rows, next_start, previous_start, _cut(header), complete=bool(read) or not more)


def _table_rows(file: BinaryIO, start: int, comma: bool) -> Iterator[tuple[list[str], int]]:
    """Yield rows, each with the position of its end, up to one that cannot be read or is not within _PAGE_BYTES."""
    file.seek(start)
    page = file.read(_PAGE_BYTES)
    lines, is_whole = BytesIO(page), not file.read(1)

    def texts() -> Iterator[str]:
        for line in lines:
            if not is_whole and lines.tell() == len(page):
                raise csv.Error("the row may continue after this page")
            yield line.decode("utf-8-sig" if start == 0 else "utf-8", "replace")

    dialect = csv.excel if comma else _Tabs
    with suppress(csv.Error):
        for row in csv.reader(texts(), dialect):
            yield row, start + lines.tell()


def _cut(row: list[str]) -> list[str]:
    return [cell if len(cell) <= _LONGEST_CELL else cell[:_LONGEST_CELL] + "…" for cell in row[:_MAX_COLUMNS]]


def _seek_row(file: BinaryIO, start: int) -> bool:
    """Move to a position in a file that was just opened, and return whether a row starts there."""
    if not 0 < start < fstat(file.fileno()).st_size:
        return start == 0
    file.seek(start - 1)
    return file.read(1) == b"\n"
