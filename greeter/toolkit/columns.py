"""The columns of a table of results: what their cells are, and how a page shows and filters them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from greeter.toolkit.declarations import check_types

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_FORMAT = re.compile(r",|,?\.\d{1,2}[efg%]|")
_RESERVED = ("number", "details")
MAX_COLUMNS = 50
LONGEST_TITLE = 80  # characters


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        title: Its heading on the page. Without one, the column is only in the TSV file.
        kind: Whether its cells are text or numbers.
        filter: How the page filters rows by it. "text": cells that contain what the user types; "choice": one of the
            values that occur; "min", "max" or "range": numbers with a lower limit, an upper limit or both.
        format: How the page shows a number: a Python format such as `.2g` or `,`. The TSV file has all digits.
    """

    title: str = ""
    kind: Literal["text", "number"] = "text"
    filter: Literal["", "text", "choice", "min", "max", "range"] = ""
    format: str = ""

    def __post_init__(self) -> None:
        check_types(self)


def check_columns(columns: Mapping[str, Column]) -> None:
    """Check the columns of a table. Their types may be wrong.

    Args:
        columns: The columns by their names.

    Raises:
        TypeError: This is not a dict of columns by their names.
        ValueError: There are too many columns or none, or a column breaks the rules of `Job.table`.
    """
    if not isinstance(columns, Mapping) or not all(isinstance(column, Column) for column in columns.values()):
        raise TypeError('The columns of a table are a dict. Write them as in {"target": Column("Target")}.')
    if not 0 < len(columns) <= MAX_COLUMNS:
        raise ValueError(f"A table has 1 to {MAX_COLUMNS} columns.")
    for name, column in columns.items():
        if not _NAME.fullmatch(name) or name in _RESERVED:
            rule = f"Use up to 40 lower-case letters, digits and _, a letter first, but not {' or '.join(_RESERVED)}."
            raise ValueError(f"{name!r} is not a valid name for a column. {rule}")
        if not _FORMAT.fullmatch(column.format):
            raise ValueError(f"{column.format!r} is not a valid format. Use one such as ',', '.2g' or '.1f'.")
        if len(column.title) > LONGEST_TITLE:
            raise ValueError(f"The title of {name!r} is too long. Use up to {LONGEST_TITLE} characters.")
