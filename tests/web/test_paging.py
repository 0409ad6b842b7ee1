"""Tests of reading a table page by page."""

from pathlib import Path

import pytest

from greeter.web.results.paging import read_table


def read_whole_table(path: Path) -> list[list[str]]:
    """Read all pages of a table, without its header."""
    rows: list[list[str]] = []
    start: int | None = 0
    while start is not None:
        page = read_table(path, start)
        assert page.complete
        rows += page.rows
        start = page.next_start
    return rows


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(("suffix", "delimiter"), [("tsv", "\t"), ("csv", ",")])
def test_pages_cover_every_row_of_a_table(tmp_path: Path, suffix: str, delimiter: str, end: str) -> None:
    """The first line is the header of each page, and the last row needs no line break."""
    path = tmp_path / f"hits.{suffix}"
    rows = [[f"é{number}", "", str(number)] for number in range(250)]
    path.write_bytes(end.join(delimiter.join(row) for row in [["a", "b", "c"], *rows]).encode())
    assert read_whole_table(path) == rows
    first = read_table(path)
    assert len(first.rows) == 100
    assert first.next_start
    second = read_table(path, first.next_start)
    assert second.header == ["a", "b", "c"]
    assert second.rows[0] == rows[100]


def test_a_quoted_cell_may_contain_line_breaks(tmp_path: Path) -> None:
    """Comma-separated values follow RFC 4180; a page never ends within a row."""
    path = tmp_path / "pairs.csv"
    path.write_text("\ufefffirst,second\n" + '"a ""b"",\nc",d\n' * 150, encoding="utf-8")
    assert read_table(path).header == ["first", "second"]
    assert read_whole_table(path) == [['a "b",\nc', "d"]] * 150


def test_a_quotation_mark_is_an_ordinary_character_between_tabs(tmp_path: Path) -> None:
    """Descriptions contain unmatched ones, as in 5"."""
    path = tmp_path / "hits.tsv"
    path.write_text('name\tlength\n"a\t5"\nb\t6\n')
    assert read_whole_table(path) == [['"a', '5"'], ["b", "6"]]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("wide.tsv", "\t".join("x" * 1000 for _ in range(900)) + "\n"),
        ("endless.tsv", "x" * 3_000_000),
        ("open.csv", 'a,b\n"' + "x\n" * 2_000_000),
        ("binary.tsv", "\0\r\x1b" * 1000),
        ("empty.tsv", ""),
        ("blank.csv", "\n\n\n"),
    ],
)
def test_a_page_of_a_strange_table_is_small(tmp_path: Path, name: str, content: str) -> None:
    """Long cells, many columns, long rows and quotation marks without an end are cut off."""
    path = tmp_path / name
    path.write_text(content)
    page = read_table(path)
    cells = [cell for row in [page.header, *page.rows] for cell in row]
    assert len(cells) <= 101 * 50
    assert max(map(len, cells), default=0) <= 301


def test_a_table_whose_rest_cannot_be_read_is_incomplete(tmp_path: Path) -> None:
    """The page before the row that is too long is complete, and the next one says that the rest is missing."""
    path = tmp_path / "hits.tsv"
    path.write_text("a\tb\n1\t2\n" + "x" * 3_000_000 + "\n3\t4\n")
    first = read_table(path)
    assert (first.rows, first.complete) == ([["1", "2"]], True)
    assert first.next_start == 8
    second = read_table(path, first.next_start)
    assert (second.rows, second.complete, second.next_start) == ([], False, None)


@pytest.mark.parametrize("start", [-1, 1, 9, 12, 10**30])
def test_an_offset_that_is_not_the_start_of_a_row_of_a_table_is_refused(tmp_path: Path, start: int) -> None:
    """Offsets within a row, at the end and after it raise LookupError."""
    path = tmp_path / "hits.tsv"
    path.write_text("a\tb\n1\t2\n3\t4\n")
    with pytest.raises(LookupError):
        read_table(path, start)


def test_columns_of_numbers_are_recognised(tmp_path: Path) -> None:
    """They may have empty cells, signs and exponents; a row may be too short. A column without a cell is none."""
    path = tmp_path / "table.tsv"
    path.write_text("name\tcount\tevalue\tpart\tnone\tmixed\na1\t1,234\t-1e-30\t5 %\t\t1\nb\t\t0.5\t.5\t\tx\n2\n")
    assert read_table(path).numeric == [False, True, True, True, False, False]
