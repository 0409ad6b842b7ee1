"""Tests of reading a file of rows page by page."""

import json
from pathlib import Path

import pytest

from greeter.web.paging import read_rows


def test_pages_cover_every_row_of_the_file(tmp_path: Path) -> None:
    """Each page starts at the offset that the previous page gives, and the last page gives none."""
    path = tmp_path / "rows"
    rows = [{"number": number, "text": "\u00e9" * (number % 7)} for number in range(250)]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    pages: list[list[dict[str, object]]] = []
    start: int | None = 0
    while start is not None:
        page = read_rows(path, start)
        pages.append(page.rows)
        start = page.next_start
    assert [len(page) for page in pages] == [100, 100, 50]
    assert [row for page in pages for row in page] == rows


@pytest.mark.parametrize("start", [-1, 1, 5, 12, 10**30])
def test_an_offset_that_is_not_the_start_of_a_row_is_refused(tmp_path: Path, start: int) -> None:
    """Offsets before the file, within a row, at the end and after it raise LookupError."""
    path = tmp_path / "rows"
    path.write_bytes(b"[1, 2]\n[34]\n")
    assert read_rows(path, 7).rows == [[34]]
    with pytest.raises(LookupError):
        read_rows(path, start)


def test_an_empty_file_is_one_empty_page(tmp_path: Path) -> None:
    """A tool that finds nothing writes such a file."""
    (tmp_path / "rows").touch()
    assert read_rows(tmp_path / "rows").rows == []
