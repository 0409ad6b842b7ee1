"""Tables of results, written to a TSV file and its index."""

import math
import sqlite3
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from greeter.toolkit import Column, Job
from greeter.toolkit.table import Table, index_of
from tests.conftest import small_disk
from tests.zoo.tabulating import COLUMNS, rows

TWO = {"name": Column("Name"), "score": Column("Score", "number")}


def written(job: Job, name: str = "hits.tsv") -> list[list[str]]:
    """The rows of a TSV file, whose number must be that of its index."""
    path = job.folder / "outputs" / name
    lines = path.read_text().splitlines()
    index = sqlite3.connect(index_of(path))
    numbers = [number for (number,) in index.execute("SELECT number FROM rows")]
    index.close()
    assert numbers == list(range(1, len(lines)))
    return [line.split("\t") for line in lines[1:]]


def test_both_files_have_every_digit_of_every_row(tmp_path: Path) -> None:
    """A cell is one cell, whatever is in it, and an empty one stays empty."""
    job = Job(tmp_path)
    with job.table("hits.tsv", COLUMNS, about="All.") as table:
        for one in rows(10):
            table.add(one)
        table.add({"name": "\ud800", "evalue": 1 / 3, "score": math.inf}, {"domains": [1]})
    lines = written(job)
    assert lines[3] == ["<i>protein</i> 3", "globin", "0.001", "2375.7", "tab and line"]
    assert lines[10] == ["?", "", "0.3333333333333333", "inf", ""]
    assert (tmp_path / "outputs/hits.tsv").read_text().startswith("name\tfamily\tevalue\tscore\tnote\n")
    index = sqlite3.connect(tmp_path / "outputs/_hits.tsv.sqlite")
    assert index.execute("SELECT * FROM details").fetchall() == [(11, '{"domains": [1]}')]
    index.close()


@pytest.mark.parametrize("place", ["_file", "_index"])
def test_an_interrupted_row_is_in_neither_file(tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time limit may interrupt `add` before, between or after its two writes."""

    class Interrupting:
        """Passes on everything; the first write of a row with a score of 666 is interrupted after it was done."""

        def __init__(self, target: Any) -> None:
            self.target = target

        def __getattr__(self, name: str) -> Any:
            return getattr(self.target, name)

        def __enter__(self) -> None:
            self.target.__enter__()

        def __exit__(self, *args: Any) -> None:
            self.target.__exit__(*args)

        def execute(self, sql: str, values: Any = ()) -> Any:
            done = self.target.execute(sql, values)
            if 666 in values:
                raise TimeoutError
            return done

        def write(self, content: bytes) -> Any:
            done = self.target.write(content)
            if b"666" in content:
                raise TimeoutError
            return done

    job = Job(tmp_path)
    table = job.table("hits.tsv", TWO)
    monkeypatch.setattr(table, place, Interrupting(getattr(table, place)))
    with suppress(TimeoutError), table:
        table.add({"name": "whole", "score": 1})
        table.add({"name": "half", "score": 666})
        pytest.fail("it was not interrupted")
    assert written(job) == [["whole", "1"]]


def test_rows_after_a_mark_can_be_removed(tmp_path: Path) -> None:
    """Such as those of a query that is not complete; further rows follow those that are left."""
    job = Job(tmp_path)
    with job.table("hits.tsv", TWO) as table:
        table.add({"name": "a"})
        mark = table.mark
        table.add({"name": "b"}, ["details"])
        table.add({"name": "c"})
        table.rewind(mark)
        table.add({"name": "d"})
    assert written(job) == [["a", ""], ["d", ""]]


def test_a_second_table_of_the_same_name_replaces_the_first(tmp_path: Path) -> None:
    """As a second `open` does."""
    for name in ("first", "second"):
        with Job(tmp_path).table("hits.tsv", TWO) as table:
            table.add({"name": name})
    assert written(Job(tmp_path)) == [["second", ""]]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({}, "1 to 50 columns"),
        ({f"c{number}": Column() for number in range(51)}, "1 to 50 columns"),
        ({'a" ': Column()}, "not a valid name for a column"),
        ({"number": Column()}, "not a valid name for a column"),
        ({"details": Column()}, "not a valid name for a column"),
        ({"a": Column(format="99999999d")}, "not a valid format"),
    ],
)
def test_wrong_columns_are_refused(tmp_path: Path, columns: dict[str, Column], message: str) -> None:
    """Names are used in SQL and in addresses."""
    with pytest.raises(ValueError, match=message):
        Job(tmp_path).table("hits.tsv", columns)


@pytest.mark.parametrize("columns", [["a"], {"a": "A"}, None])
def test_columns_that_are_no_columns_are_refused(tmp_path: Path, columns: Any) -> None:
    """The message has an example."""
    with pytest.raises(TypeError, match=r'Write them as in \{"target": Column\("Target"\)\}'):
        Job(tmp_path).table("hits.tsv", columns)


@pytest.mark.parametrize(
    ("argument", "value"), [("kind", "numbers"), ("filter", "rnge"), ("title", 1), ("format", None)]
)
def test_a_column_has_no_other_value(argument: str, value: Any) -> None:
    """The message names the argument, and what it can be."""
    with pytest.raises(TypeError, match=rf"^{argument}={value!r} is of the wrong type. Use (Literal|str)"):
        Column(**{argument: value})


@pytest.mark.parametrize("name", ["hits.csv", "hits"])
def test_the_name_of_a_table_says_what_it_is(tmp_path: Path, name: str) -> None:
    """The page of a job would show it as another kind of file."""
    with pytest.raises(ValueError, match=r"separated by tabs. Use .tsv"):
        Job(tmp_path).table(name, TWO)


def test_a_cell_without_a_column_is_refused(tmp_path: Path) -> None:
    """It would be lost."""
    with Job(tmp_path).table("hits.tsv", TWO) as table, pytest.raises(ValueError, match="no column scroe"):
        table.add({"name": "a", "scroe": 1})


def test_a_full_disk_is_reported_as_such(tmp_path: Path) -> None:
    """SQLite's own error would look like a bug of the tool."""
    with small_disk(tmp_path / "disk", "1m") as disk:
        table = Table(disk / "hits.tsv", COLUMNS)
        with pytest.raises(OSError, match=r"full|No space"):
            deque(map(table.add, rows(100_000)), maxlen=0)
        table._index.close()
        with suppress(OSError):
            table._file.close()
