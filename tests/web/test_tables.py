"""Tables that a page sorts and filters by the query parameters of its address."""

import json
import re
import sqlite3
import tracemalloc
from html import unescape
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greeter.jobs.files.result_files import ResultFile
from greeter.toolkit import Column, Job
from greeter.web.results.previews import Previews
from greeter.web.results.table_index import TableIndex
from greeter.web.results.table_view import TableView, cell_text, selection
from tests.conftest import Installation, wait_for
from tests.http import fetch, post, submit, wait_for_end
from tests.zoo.tabulating import COLUMNS, rows

TOTAL = 1219
ROWS = list(rows(TOTAL))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The TSV file of a table with 1,219 rows."""
    job = Job(tmp_path_factory.mktemp("job"))
    with job.table("hits.tsv", COLUMNS) as table:
        for row in ROWS:
            table.add(row, {"half": row["score"] / 2})
    return job.folder / "outputs/hits.tsv"


def numbers(view: TableView) -> list[int]:
    """The rows that are shown, counted from 0."""
    return [row["number"] - 1 for row in view.rows]


def expected(keep: Any = lambda row: True, key: Any = lambda row: 0) -> list[int]:
    """What Python's own filter and sort give."""
    found = [number for number, row in enumerate(ROWS) if keep(row)]
    return sorted(found, key=lambda number: key(ROWS[number]))


CASES: list[tuple[dict[str, str], Any]] = [
    ({}, lambda row: True),
    ({"hits-name": "PROTEIN</I> 12"}, lambda row: "protein</i> 12" in row["name"]),
    ({"hits-family": "kinase"}, lambda row: row["family"] == "kinase"),
    ({"hits-family": "kin"}, lambda row: False),
    ({"hits-name": "%"}, lambda row: False),
    ({"hits-name": "'; DROP TABLE rows; --"}, lambda row: False),
    ({"hits-evalue-max": "1e-90"}, lambda row: row["evalue"] <= 1e-90),
    ({"hits-evalue-min": "1"}, lambda row: True),  # the table has no such filter
    ({"hits-score-min": " 100 ", "hits-score-max": "2e3"}, lambda row: 100 <= row["score"] <= 2000),
    ({"hits-family": "globin", "hits-score-max": "inf"}, lambda row: row["family"] == "globin"),
    ({"hits-score-max": "one"}, lambda row: True),
]


@pytest.mark.parametrize(("args", "keep"), CASES)
def test_filters_leave_what_python_would(path: Path, args: dict[str, str], keep: Any) -> None:
    """And so does the file with the selected rows, line by line."""
    view = TableView.of(path, args)
    found = expected(keep)
    assert (view.total, view.matches, numbers(view)) == (TOTAL, len(found), found[:100])
    lines = path.read_bytes().splitlines(keepends=True)
    chosen = selection(path, args)
    assert (chosen is None) == (args in ({}, {"hits-evalue-min": "1"}))
    if chosen:
        assert list(chosen.response) == [lines[0], *(lines[number + 1] for number in found)]


@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize("name", ["name", "family", "evalue", "score"])
def test_every_column_sorts_both_ways(path: Path, name: str, down: bool) -> None:
    """Equal rows stay in their order, and the link of the head turns the order round."""
    first = TableView.of(path, {"hits-sort": "-" * down + name})
    values = [ROWS[number][name] for number in numbers(first)]
    assert values == sorted((row[name] for row in ROWS), reverse=down)[:100]
    ties = [(value, number) for value, number in zip(values, numbers(first), strict=True)]
    assert all(one[1] < two[1] for one, two in pairwise(ties) if one[0] == two[0])
    assert first.sorted_by(name) == {"hits-sort": name if down else f"-{name}"}


def test_pages_cover_every_row_once_both_ways(path: Path) -> None:
    """Each page leads to the next and the earlier one, with the same filter and order."""
    args: dict[str, Any] | None = {"hits-sort": "score", "hits-family": "kinase"}
    pages = []
    while args is not None:
        pages.append(TableView.of(path, {name: str(value) for name, value in args.items()}))
        args = pages[-1].next
    assert [number for page in pages for number in numbers(page)] == expected(
        lambda row: row["family"] == "kinase", lambda row: row["score"]
    )
    assert pages[0].earlier is None
    for earlier, page in pairwise(pages):
        assert page.earlier
        back = TableView.of(path, {name: str(value) for name, value in page.earlier.items()})
        assert numbers(back) == numbers(earlier)


@pytest.mark.parametrize("start", ["-1", "x", "1e3", "9" * 5000, "\u0661", "", "999999999"])
def test_a_strange_start_shows_the_first_or_the_last_page(path: Path, start: str) -> None:
    """A bookmark stays useful when it has a filter that leaves fewer rows."""
    assert TableView.of(path, {"hits-start": start}).query.start == (1200 if start == "999999999" else 0)


TEXT = st.text(max_size=50) | st.sampled_from(["'", '"', "\0", "%", "-score", "-", "nan", "9" * 5000, "1e999"])
NAMES = [f"hits-{name}" for name in ("name", "family", "evalue-max", "score-min", "score-max", "sort", "start")]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(args=st.dictionaries(st.sampled_from(NAMES), TEXT))
def test_no_query_parameter_makes_a_page_fail(path: Path, app: Flask, args: dict[str, str]) -> None:
    """Whatever it is; what was typed is still in the form."""
    previews = Previews("a" * 32, [ResultFile(path)])
    with app.test_request_context("/", query_string=args):
        html = previews.table("hits.tsv")
    assert "1,219 rows" in html
    html.encode()
    if chosen := selection(path, args):
        assert chosen.data.startswith(b"name\t")


@pytest.mark.parametrize("opened", ["", "all"])
def test_the_page_escapes_cells_and_says_how_many_rows_match(path: Path, app: Flask, opened: str) -> None:
    """Heads, links and the form keep the filter; the page before and after have the place in their address."""
    previews = Previews("a" * 32, [ResultFile(path)])
    args = f"hits-sort=-score&hits-start=100&hits-family=<b>protease</b>&hits-score-max=many&hits-open={opened}"
    with app.test_request_context(f"/?{args}"):
        html = previews.table("hits.tsv", unit="protein")
    assert "<b>" not in html
    assert "&lt;i&gt;protein&lt;/i&gt;" in html
    assert "406 of 1,219 proteins match" in re.sub(r"\s+", " ", html)
    assert "101 to 200 of 406" in html
    assert re.findall('aria-sort="([^"]+)"', html) == ["descending"]
    assert "&#39;many&#39; is not a number. Enter one such as 20, 0.01 or 1e-5." in html
    assert 'value="many"' in html
    assert 'name="hits-sort" value="-score"' in html
    assert ('name="hits-open" value="all"' in html) == (opened == "all")
    for text, start in (("Previous proteins", "0"), ("Next proteins", "200")):
        link = re.findall(f'<a href="([^"]*)">{text}', html)[0]
        assert dict(parse_qsl(urlsplit(unescape(link)).query)) == {
            "hits-family": "<b>protease</b>",
            "hits-score-max": "many",
            "hits-sort": "-score",
            "hits-start": start,
            **({"hits-open": opened} if opened else {}),
        }
    assert "<th" in html
    assert "note" not in html


def test_a_filter_can_be_cleared_however_few_rows_there_are(tmp_path: Path, app: Flask) -> None:
    """A short table needs no filters, but a link may lead to some of its rows, as from a query to its hits."""
    job = Job(tmp_path)
    with job.table("hits.tsv", COLUMNS) as table:
        for row in ROWS[:3]:
            table.add(row)
    previews = Previews("a" * 32, [ResultFile(job.folder / "outputs/hits.tsv")])
    for address, can_clear in (("/", False), ("/?hits-family=kinase", True)):
        with app.test_request_context(address):
            html = previews.table("hits.tsv")
        assert ("<form" in html) == (">Clear</a>" in html) == can_clear


def test_opening_a_row_stays_on_its_page(path: Path) -> None:
    """On the first one, the address has no start, which would take the focus to the top of the table."""
    assert TableView.of(path, {}).opened(3) == {"hits-open": 3}
    assert TableView.of(path, {"hits-start": "100"}).opened(3) == {"hits-open": 3, "hits-start": 100}


def test_a_page_without_rows_says_what_to_do(path: Path, app: Flask) -> None:
    """It offers neither their details nor a download of them."""
    template = app.jinja_env.from_string("")
    for address, is_empty in (("/?hits-name=nowhere", True), ("/?hits-name=protein", False)):
        with app.test_request_context(address):
            html = Previews("a" * 32, [ResultFile(path)]).table("hits.tsv", row=template, details="parts")  # type: ignore[arg-type]
        assert ("No rows match. Relax the filters, or" in html) == is_empty
        assert ("Show all parts" in html) == ("these rows in this order" in html) == (not is_empty)


def test_a_tool_can_show_rows_with_a_template_of_its_own(path: Path, app: Flask) -> None:
    """The template gets the row with its details, the row above it, and what is shown."""
    template = app.jinja_env.from_string(
        "<tr><td>{{ row.family }} {{ row.details.half }} {{ previous.family }}</td></tr>"
    )
    previews = Previews("a" * 32, [ResultFile(path)])
    with app.test_request_context("/"):
        html = previews.table("hits.tsv", row=template)  # type: ignore[arg-type]  # Jinja includes it like a file
    assert "<tr><td>kinase 395.95 globin</td></tr>" in html


def test_each_table_of_a_page_keeps_what_the_others_show(path: Path, tmp_path: Path, app: Flask) -> None:
    """Its links and its form have their parameters, but none that would change the address itself."""
    plain = tmp_path / "plain.tsv"
    plain.write_text("name\n" + "x\n" * 200)
    previews = Previews("a" * 32, [ResultFile(path), ResultFile(plain)])
    theirs = {"queries-sort": "-name", "queries-start": "100"}
    strange = {"_external": "1", "_scheme": "javascript", "job_id": "b" * 32, "log": ""}
    own = {"hits-family": "kinase", "start-plain.tsv": "5"}
    with app.test_request_context("/", query_string=theirs | strange | own):
        html = previews.table("hits.tsv")
        links = re.findall('href="([^"#]*)#', html + previews.table("plain.tsv"))
    assert len(links) == 8  # 4 heads, the filter cleared, the next rows, and of the other table the first and the next
    for link in map(urlsplit, map(unescape, links)):
        params = dict(parse_qsl(link.query))
        assert link[:3] == ("", "", f"/jobs/{'a' * 32}")
        assert theirs.items() <= params.items()
        assert not strange.keys() & params.keys()
    for name, value in theirs.items():
        assert f'type="hidden" name="{name}" value="{value}"' in html
    (download,) = re.findall(r'href="([^"]*)" download>these', html)
    assert "queries" not in download


def damaged(index: Path, how: str) -> None:
    """Replace an index by something else."""
    if how == "no database":
        index.write_bytes(b"x" * 10_000)
    elif how == "cut off":
        index.write_bytes(index.read_bytes()[:5000])
    elif how == "empty":
        index.write_bytes(b"")
    else:
        connection = sqlite3.connect(index)
        connection.executescript(how)
        connection.close()


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT"


@pytest.mark.parametrize(
    "how",
    [
        "no database",
        "cut off",
        "empty",
        "DROP TABLE rows",
        "DELETE FROM columns",
        "UPDATE columns SET json = '[]'",
        "UPDATE columns SET json = NULL",
        """UPDATE columns SET name = 'a" FROM sqlite_master; --'""",
        """UPDATE columns SET json = '{"format": "999999999d"}'""",
        """UPDATE columns SET json = '{"title": 1}'""",
        "UPDATE details SET json = 'x' WHERE number = 1",
        "DROP TABLE rows; CREATE VIEW rows AS SELECT zeroblob(900000000) AS name, 1 AS family",
        f"DROP TABLE rows; CREATE VIEW rows AS {ENDLESS} i AS number, i AS name FROM n",
    ],
)
def test_a_damaged_index_leaves_the_rows_and_a_download(
    tmp_path: Path, app: Flask, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page says so. An index that would never end is given up."""
    monkeypatch.setattr("greeter.web.results.table_index._SECONDS", 0.2)
    job = Job(tmp_path)
    with job.table("hits.tsv", COLUMNS) as table:
        for row in rows(200):
            table.add(row, {})
    path = tmp_path / "outputs/hits.tsv"
    damaged(path.with_name("_hits.tsv.sqlite"), how)
    with app.test_request_context("/?hits-sort=score"):
        html = Previews("a" * 32, [ResultFile(path)]).table("hits.tsv")
    assert "cannot be sorted or filtered" in html
    assert html.count("&lt;i&gt;protein") == 100


def test_an_index_of_strange_cells_makes_a_small_page(tmp_path: Path, app: Flask) -> None:
    """Long texts are cut off, and a text in a column of numbers is shown as it is."""
    job = Job(tmp_path)
    with job.table("hits.tsv", {"name": Column("Name"), "score": Column("Score", "number", format=".1f")}) as table:
        for number in range(100):
            table.add({"name": "x" * 500_000, "score": "<i>none</i>" if number else None}, "y" * 100_000)
    path = tmp_path / "outputs/hits.tsv"
    connection = sqlite3.connect(path.with_name("_hits.tsv.sqlite"))
    connection.executescript("UPDATE rows SET name = x'ff00' WHERE number = 2")
    connection.close()
    with app.test_request_context("/"):
        html = Previews("a" * 32, [ResultFile(path)]).table("hits.tsv")
    assert len(html) < 100_000
    assert "&lt;i&gt;none&lt;/i&gt;" in html
    details = [row["details"] for row in TableView.of(path, {}).rows]
    assert 0 < details.count(None) < 100


def test_selected_rows_are_sent_without_holding_them_in_memory(tmp_path: Path) -> None:
    """A table may be larger than the memory of the web."""
    job = Job(tmp_path)
    with job.table("hits.tsv", {"name": Column("Name", filter="text")}) as table:
        for number in range(3000):
            table.add({"name": str(number) + "x" * 10_000})
    chosen = selection(tmp_path / "outputs/hits.tsv", {"hits-name": "x"})
    assert chosen
    tracemalloc.start()
    try:
        total = sum(map(len, chosen.response))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total > 30_000_000
    assert peak < 3_000_000


def test_too_many_choices_are_not_listed(tmp_path: Path) -> None:
    """Then the filter is a field for the whole text."""
    job = Job(tmp_path)
    with job.table("hits.tsv", {"query": Column("Query", filter="choice")}) as table:
        for number in range(1001):
            table.add({"query": f"q{number}"})
    view = TableView.of(tmp_path / "outputs/hits.tsv", {"hits-query": "q7"})
    assert view.choices == {}
    assert numbers(view) == [7]


def test_cells_are_formatted() -> None:
    """A number has the format of its column, anything else is a text of at most 301 characters."""
    column = Column("E-value", "number", format=".2g")
    assert [cell_text(value, column) for value in (1.234e-50, 0, None, "none", "x" * 400)] == [
        *("1.2e-50", "0", "", "none"),
        "x" * 300 + "…",
    ]


def test_a_link_as_an_index_is_not_followed(path: Path, tmp_path: Path) -> None:
    """A program of a tool could make one to a file of another job."""
    (tmp_path / "hits.tsv").touch()
    (tmp_path / "_hits.tsv.sqlite").symlink_to(path.with_name("_hits.tsv.sqlite"))
    with pytest.raises(FileNotFoundError):
        TableIndex(tmp_path / "hits.tsv")


@pytest.mark.slow
def test_selected_rows_of_a_job_are_a_download(installation: Installation) -> None:
    """It has the label of the job in its name; without a selection, it is the file itself."""
    job = submit(installation, "tabulate", rows="250", label="my proteins")
    wait_for_end(installation, job)
    page = fetch(installation, f"{job}?proteins-family=globin").body
    assert "84 of 250 rows match" in re.sub(r"\s+", " ", page)
    link = unescape(re.findall(r'href="([^"]*files/proteins.tsv\?[^"]*)"', page)[0])
    answer = fetch(installation, link)
    assert answer.headers.get_filename() == "my_proteins-selected-proteins.tsv"
    assert answer.headers["Content-Type"] == "text/tab-separated-values; charset=utf-8"
    assert answer.body.count("\n") == 85
    assert fetch(installation, f"{job}/files/proteins.tsv").body.count("\n") == 251
    assert "_proteins" not in page
    (index,) = installation.settings.data_dir.glob(f"{job[1:]}/attempts/1/outputs/_*")
    damaged(index, "no database")
    answer = fetch(installation, link)
    assert (answer.status, answer.headers["Location"]) == (303, job)
    assert "index is damaged" in fetch(installation, job).body


@pytest.mark.slow
def test_a_cancelled_job_has_a_table_of_what_was_done(installation: Installation) -> None:
    """As one at its time limit has: both end in the same way."""
    job = submit(installation, "tabulate", rows="100000000")
    wait_for(
        lambda: (status := json.loads(fetch(installation, f"{job}.json").body)["progress"]) and status["current"] > 2
    )
    post(installation, f"{job}/cancel")
    wait_for_end(installation, job)
    page = re.sub(r"\s+", " ", fetch(installation, f"{job}?proteins-sort=-score&proteins-family=kinase").body)
    matches, total = (
        int(number.replace(",", "")) for number in re.findall(r"([\d,]+) of ([\d,]+) rows match", page)[0]
    )
    assert 0 < matches < total
    assert fetch(installation, f"{job}/files/proteins.tsv").body.count("\n") == total + 1
