"""Which rows of a table a page shows: what the query parameters of its address ask for."""

import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from greeter.toolkit.columns import Column
from greeter.web.results.paging import LONGEST_CELL
from greeter.web.results.table_index import Where

_NUMBER = re.compile("[0-9]{1,9}")
_OPERATORS = {"min": ">=", "max": "<="}
_RELATIONS = {"min": " at least", "max": " at most", "text": " contains"}


class Input(NamedTuple):
    """A field of the form that filters a table."""

    parameter: str  # its query parameter
    label: str
    column: str
    kind: str  # `text`, `choice`, `min` or `max`
    typed: str  # what the user typed or chose; may be empty
    problem: str  # what is wrong with it; may be empty


@dataclass(frozen=True)
class TableQuery:
    """Which rows of a table are shown, and in which order."""

    prefix: str  # what the names of its query parameters start with, because a page may have several tables
    inputs: list[Input] = field(default_factory=list)  # the fields of the form
    order: str = ""  # the column by which it is sorted, with a minus before it to sort downwards; may be empty
    start: int = 0  # how many of the rows are on earlier pages
    open: str = ""  # the number of the row whose details are shown, or `all`; may be empty
    others: Mapping[str, str] = field(default_factory=dict)  # the query parameters of the other tables on the page

    @classmethod
    def of(cls, name: str, columns: Mapping[str, Column], args: Mapping[str, str]) -> Self:
        """Read the query parameters of a page with the table of this name. What is unknown or wrong has no effect."""
        prefix = prefix_of(name)
        own = [f"{prefix}-{name}" for name in ("sort", "start", "open")]
        order, start, opened = (args.get(parameter, "") for parameter in own)
        inputs = list(_inputs(prefix, columns, args))
        own += [one.parameter for one in inputs]
        return cls(
            prefix=prefix,
            inputs=inputs,
            order=order if order.removeprefix("-") in columns else "",
            start=int(start) if _NUMBER.fullmatch(start) else 0,
            open=opened if opened == "all" or _NUMBER.fullmatch(opened) else "",
            others=others_than(own, args),
        )

    @property
    def where(self) -> Where:
        """The filters as a condition of SQL. The only texts in it are names of columns."""
        terms = [_term(one) for one in self.inputs if one.typed and not one.problem]
        return Where(" AND ".join(sql for sql, _ in terms) or "1", [value for _, value in terms])

    @property
    def is_filtered(self) -> bool:
        """Whether there is any filter, right or wrong."""
        return any(one.typed for one in self.inputs)

    def params(self, **changed: str | int) -> dict[str, str | int]:
        """Return the query parameters of an address that changes this table, as `own` does, and leaves the others."""
        return {**self.others, **self.own(**changed)}

    def own(self, **changed: str | int) -> dict[str, str | int]:
        """Return the query parameters of this table, without empty ones, in an address that shows the same rows.

        `changed` has a different `sort`, `start` or `open`. Without a start, the address is that of the first page, and
        only `all` stays open.
        """
        kept: dict[str, str | int] = {"sort": self.order, "open": self.open if self.open == "all" else ""}
        own = {f"{self.prefix}-{name}": value for name, value in (kept | changed).items()}
        found = {one.parameter: one.typed for one in self.inputs} | own
        return {name: value for name, value in found.items() if value != ""}


def prefix_of(name: str) -> str:
    """Return what the query parameters of a table start with: for `hits.tsv`, it is `hits`."""
    return name.removesuffix(".tsv").replace(".", "-")


def others_than(own: Collection[str], args: Mapping[str, str]) -> dict[str, str]:
    """Return the query parameters of the other tables on a page: only those of tables have a hyphen in their names."""
    return {name: value for name, value in args.items() if "-" in name and name not in own}


def _inputs(prefix: str, columns: Mapping[str, Column], args: Mapping[str, str]) -> Iterator[Input]:
    for name, column in columns.items():
        for kind in ("min", "max") if column.filter == "range" else (column.filter,) if column.filter else ():
            is_limit = kind in _OPERATORS
            parameter = f"{prefix}-{name}-{kind}" if is_limit else f"{prefix}-{name}"
            typed = args.get(parameter, "").strip()[:LONGEST_CELL]
            wrong = is_limit and typed and not _is_number(typed)
            label = (column.title or name.replace("_", " ").capitalize()) + _RELATIONS.get(kind, "")
            problem = f"{typed!r} is not a number. Enter one such as 20, 0.01 or 1e-5." if wrong else ""
            yield Input(parameter, label, name, kind, typed, problem)


def _term(one: Input) -> tuple[str, str | float]:
    if one.kind in _OPERATORS:
        return f'"{one.column}" {_OPERATORS[one.kind]} ?', float(one.typed)
    if one.kind == "choice":
        return f'substr("{one.column}", 1, {LONGEST_CELL}) = ?', one.typed
    return f'instr(lower("{one.column}"), lower(?))', one.typed


def _is_number(typed: str) -> bool:
    try:
        return not math.isnan(float(typed))
    except ValueError:
        return False
