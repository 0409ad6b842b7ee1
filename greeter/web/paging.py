"""Paging of large results: files with one JSON row per line, of which a page shows some."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import islice
from os import fstat
from pathlib import Path
from typing import Any, BinaryIO

_ROWS_PER_PAGE = 100


@dataclass(frozen=True)
class Page:
    """Some rows of a file.

    Attributes:
        rows: The rows, decoded from JSON.
        next_start: The position of the next row in the file, in bytes; None at the end of the file.
    """

    rows: list[Any]
    next_start: int | None


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
    return Page([json.loads(line) for line in lines], next_start)


def _seek_row(file: BinaryIO, start: int) -> bool:
    """Move to a position in a file that was just opened, and return whether a row starts there."""
    if not 0 < start < fstat(file.fileno()).st_size:
        return start == 0
    file.seek(start - 1)
    return file.read(1) == b"\n"
