"""Rows of a file, some at a time."""

import json
from pathlib import Path

import pytest

from greeter.web.paging import read_rows


def test_the_pages_of_a_file_are_all_of_it(tmp_path: Path) -> None:
    """Each begins where the one before says; the last one says that there are no more."""
    path = tmp_path / "rows"
    rows = [{"number": number, "text": "\u00e9" * (number % 7)} for number in range(250)]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    pages, start = [], 0
    while start is not None:
        page = read_rows(path, start)
        pages.append(page.rows)
        start = page.next_start
    assert [len(page) for page in pages] == [100, 100, 50]
    assert [row for page in pages for row in page] == rows


@pytest.mark.parametrize("start", [-1, 1, 5, 12, 10**30])
def test_a_place_where_no_row_starts_is_refused(tmp_path: Path, start: int) -> None:
    """Before, within, at the end of, and after the file."""
    path = tmp_path / "rows"
    path.write_bytes(b"[1, 2]\n[34]\n")
    assert read_rows(path, 7).rows == [[34]]
    with pytest.raises(LookupError):
        read_rows(path, start)


def test_a_file_without_rows_is_one_empty_page(tmp_path: Path) -> None:
    """As of a tool that found nothing."""
    (tmp_path / "rows").touch()
    assert read_rows(tmp_path / "rows").rows == []
