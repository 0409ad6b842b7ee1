"""A large result: a file with a row, in JSON, on each line, of which a page shows some at a time."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import islice
from os import fstat
from pathlib import Path
from typing import Any, BinaryIO

_MOST = 100


@dataclass(frozen=True)
class Rows:
    """Some rows of a file, and the place in it where the next ones start; None when there are no more."""

    rows: list[Any]
    following: int | None


def read_rows(path: Path, start: int = 0) -> Rows:
    """Read the rows from a place in the file on. Raises LookupError unless a row starts there."""
    with path.open("rb") as file:
        if not _starts_row(file, start):
            raise LookupError(f"no row starts at {start}")
        lines = list(islice(file, _MOST))
        end = file.tell()
        following = end if file.read(1) else None
    return Rows([json.loads(line) for line in lines], following)


def _starts_row(file: BinaryIO, place: int) -> bool:
    """Whether a row starts there; if so, it is read next."""
    if not 0 < place < fstat(file.fileno()).st_size:
        return place == 0
    file.seek(place - 1)
    return file.read(1) == b"\n"
