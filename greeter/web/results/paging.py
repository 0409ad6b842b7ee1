"""Paging of large tables without an index, of which a page shows some rows."""

import csv
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from os import fstat
from pathlib import Path
from typing import BinaryIO

from greeter.toolkit.columns import MAX_COLUMNS

ROWS_PER_PAGE = 100
LONGEST_CELL = 300  # characters on a page
_PAGE_BYTES = 256 * 1024
_NUMBER = re.compile(r"\s*[-+]?(\d[\d,]*\.?\d*|\.\d+)([eE][-+]?\d+)?\s*%?|[-+]?(inf|nan)|NA|-", re.IGNORECASE)


class _Tabs(csv.excel_tab):
    quoting = csv.QUOTE_NONE  # in tab-separated values, a quotation mark is a character like any other


def cut(cell: str) -> str:
    """Shorten a long cell for a page."""
    return cell if len(cell) <= LONGEST_CELL else cell[:LONGEST_CELL] + "…"


@dataclass(frozen=True)
class TablePage:
    """Some rows of a table."""

    rows: list[list[str]]  # the rows, each a list of texts
    next_start: int | None  # the position of the next row in the file, in bytes; None at the end of the file
    previous_start: int | None  # the position of the first row, if this page does not start with it; None if it does
    header: list[str]  # the first row of the file
    complete: bool  # whether this page and the next ones show everything, apart from the ends of long cells and rows

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
        read = list(islice(_table_rows(file, start, comma), ROWS_PER_PAGE))
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
    return [cut(cell) for cell in row[:MAX_COLUMNS]]


def _seek_row(file: BinaryIO, start: int) -> bool:
    """Move to a position in a file that was just opened, and return whether a row starts there."""
    if not 0 < start < fstat(file.fileno()).st_size:
        return start == 0
    file.seek(start - 1)
    return file.read(1) == b"\n"
