"""A page of a table of results: what its template shows."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from flask import Response

from greeter.toolkit.columns import Column
from greeter.web.results.paging import ROWS_PER_PAGE, cut
from greeter.web.results.table_index import Row, TableIndex, Where
from greeter.web.results.table_query import TableQuery


@dataclass(frozen=True)
class TableView:
    """A page of a table."""

    columns: dict[str, Column]  # the columns that have a head, by their names
    query: TableQuery  # which rows are shown
    choices: dict[str, list[str]]  # the options of the filters that offer a choice, by the names of the columns
    rows: list[Row]  # the rows of this page; see `TableIndex.page`
    total: int  # the number of all rows
    matches: int  # the number of rows that the filters leave

    @classmethod
    def of(cls, path: Path, args: Mapping[str, str]) -> Self:
        """Read the page of a table that query parameters ask for. After the last one, it is the last one.

        Raises:
            FileNotFoundError: The table has no index.
            BrokenIndex: The index cannot be read.
        """
        with closing(TableIndex(path)) as index, index:
            query = TableQuery.of(path.name, index.columns, args)
            matches = index.count(query.where)
            last = max(0, matches - 1) // ROWS_PER_PAGE * ROWS_PER_PAGE
            start = min(query.start, last)
            offered = {one.column: index.choices(one.column) for one in query.inputs if one.kind == "choice"}
            return cls(
                columns={name: column for name, column in index.columns.items() if column.title},
                query=replace(query, start=start),
                choices={name: choices for name, choices in offered.items() if choices is not None},
                rows=index.page(query.where, query.order, start),
                total=index.count(Where()) if query.is_filtered else matches,
                matches=matches,
            )

    @property
    def earlier(self) -> dict[str, str | int] | None:
        """The query parameters of the page before this one."""
        start = self.query.start
        return self.query.params(start=max(0, start - ROWS_PER_PAGE)) if start else None

    @property
    def next(self) -> dict[str, str | int] | None:
        """The query parameters of the page after this one."""
        start = self.query.start + len(self.rows)
        return self.query.params(start=start) if self.rows and start < self.matches else None

    def is_open(self, row: Row) -> bool:
        """Return whether the details of a row are shown."""
        return self.query.open in ("all", str(row["number"]))

    def opened(self, which: str | int) -> dict[str, str | int]:
        """Return the query parameters that show the details of a row, by its number, of `all`, or with "" of none."""
        return self.query.params(open=which, start=self.query.start or "")

    def sorted_by(self, name: str) -> dict[str, str | int]:
        """Return the query parameters that sort by a column: upwards, or downwards if it is upwards now."""
        return self.query.params(sort=f"-{name}" if self.query.order == name else name)


def selection(path: Path, args: Mapping[str, str]) -> Response | None:
    """Send those rows of a table that query parameters ask for, as a TSV file. Raises BrokenIndex.

    Returns None if they ask for the whole file as it is.
    """
    try:
        index = TableIndex(path)
    except FileNotFoundError:
        return None
    with index:
        query = TableQuery.of(path.name, index.columns, args)
        index.count(query.where)  # so that most errors come before the first byte
    if not query.is_filtered and not query.order:
        index.close()
        return None
    return Response(index.lines(query.where, query.order), mimetype="text/tab-separated-values")


def cell_text(value: object, column: Column) -> str:
    """Format a cell for a page, in at most 301 characters. The index may have anything in it."""
    if column.format and isinstance(value, int | float):
        return format(value, column.format)
    return "" if value is None else cut(str(value))
