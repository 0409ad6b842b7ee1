"""phmmer compared with the output of the program (see reference/README.md)."""

import json
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from greeter.jobs.bounds import check_result
from greeter.settings import Settings
from greeter.toolkit import Job, SoftTimeLimitExceeded
from greeter.toolkit.job import Fallback
from greeter.tools import phmmer as module
from greeter.tools.phmmer import EXAMPLES, QUERIES_LISTED, phmmer
from greeter.web.paging import read_rows

REFERENCE = Path(__file__).parent / "reference"
HBB_HUMAN, GLOBINS = EXAMPLES / "HBB_HUMAN.fa", EXAMPLES / "globins45.fa"


def tables(job: Job) -> dict[str, str]:
    """The tables that a job wrote."""
    return {name: (job.folder / "outputs" / f"{name}.tbl").read_text() for name in ("targets", "domains")}


def rows(job: Job) -> list[dict[str, Any]]:
    """The rows that a job wrote for its page."""
    return [json.loads(line) for line in (job.folder / "outputs" / "hits.jsonl").read_text().splitlines()]


def reference(name: str) -> dict[str, str]:
    """The tables that the program wrote."""
    return {table: (REFERENCE / f"{name}.{table}").read_text() for table in ("targets", "domains")}


@pytest.mark.parametrize("cores", [1, 2])
@pytest.mark.parametrize(
    ("name", "query", "targets", "evalue"),
    [
        ("hbb_human", HBB_HUMAN, GLOBINS, 10.0),
        ("strict", HBB_HUMAN, GLOBINS, 1e-50),
        ("globins45", GLOBINS, GLOBINS, 10.0),
        ("globins45", GLOBINS, None, 10.0),
    ],
)
def test_the_tables_equal_those_of_the_phmmer_program(
    tmp_path: Path, name: str, query: Path, targets: Path, evalue: float, cores: int
) -> None:
    """Every byte equals --tblout and --domtblout, except for the comments about the run."""
    job = Job(tmp_path, cores=cores)
    phmmer(job, query=query, targets=targets, evalue=evalue)
    assert tables(job) == reference(name)


@pytest.mark.parametrize(("megabytes", "threads"), [(1, 1), (100, 2)])
def test_as_many_queries_are_searched_at_once_as_cores_and_memory_allow(
    tmp_path: Path, megabytes: int, threads: int
) -> None:
    """Two comparisons of globins can need 1.6 MB."""
    globins = module._read_proteins(GLOBINS)
    assert module._threads(Job(tmp_path, megabytes * 10**6, cores=2), globins, globins) == threads


def test_the_rows_have_the_values_of_the_phmmer_program(tmp_path: Path) -> None:
    """The values of hits and domains are equal when rounded as in the program's tables."""
    job = Job(tmp_path)
    result = phmmer(job, query=HBB_HUMAN, targets=GLOBINS, evalue=10.0)
    assert (result["queries"], result["hits"], result["all_shown"]) == (1, 45, True)
    assert result["searches"] == [{"query": "HBB_HUMAN", "query_length": 146, "hits": 45, "start": 0}]
    expected = {
        table: [line.split() for line in text.splitlines() if line[0] != "#"]
        for table, text in reference("hbb_human").items()
    }
    hits = [[hit["target"], f"{hit['evalue']:.2g}", f"{hit['score']:.1f}", f"{hit['bias']:.1f}"] for hit in rows(job)]
    assert hits == [[row[0], *row[4:7]] for row in expected["targets"]]
    domains = [
        [
            hit["target"],
            str(hit["target_length"]),
            f"{domain['evalue']:.2g}",
            *(str(domain[place]) for place in ("query_from", "query_to", "target_from", "target_to")),
        ]
        for hit in rows(job)
        for domain in hit["domains"]
    ]
    assert domains == [[row[0], row[2], row[12], *row[15:19]] for row in expected["domains"]]


def test_an_alignment_is_drawn_as_the_program_prints_it(tmp_path: Path) -> None:
    """Query, matches, target, confidence and residue numbers are equal, letter by letter."""
    job = Job(tmp_path)
    phmmer(job, query=HBB_HUMAN, targets=GLOBINS, evalue=10.0)
    drawn = [domain["alignment"].split("\n") for hit in rows(job) for domain in hit["domains"]]
    printed = (REFERENCE / "hbb_human.alignments").read_text().split("\n\n")
    whole = [block.split("\n")[-4:] for block in printed if block.endswith("PP")]
    assert len(drawn) == len(whole) == 45
    for lines, (query, matches, target, confidence) in zip(drawn, whole, strict=True):
        sequences = [[line[14:74].split(" ")[0] for line in lines[row::5]] for row in (0, 2)]
        assert ["".join(part) for part in sequences] == [query.split()[2], target.split()[2]]
        start = query.index(query.split()[2])
        length = len(query.split()[2])
        for row, line in ((1, matches), (3, confidence)):
            assert "".join(part[14:74] for part in lines[row::5]) == line[start : start + length].ljust(length)
        for row, line in ((0, query), (2, target)):
            assert lines[row].split()[1] == line.split()[1]
            assert lines[row::5][-1].split()[-1] == line.split()[3]


NAMES = {
    "P68871": "P68871",
    "sp|P68871|HBB": "P68871",
    "sp|P68871-2|HBB": "P68871",
    "A0A023GPJ0.1": "A0A023GPJ0",
    "P68871x": None,
    "HBB": None,
}


def test_rows_have_the_description_and_accession_of_the_target(tmp_path: Path) -> None:
    """The description is the text after the name; the accession is found in the usual forms of UniProt names."""
    fasta = tmp_path / "q.fa"
    sequence = "VHLTPEEKSAVTALWGKVNVDEVGGEALGRLLVVYPWTQRFFESFGDLSTPDAVMGNPKVKAHGKKVLGA"
    fasta.write_text("".join(f">{name} Human globin.\n{sequence}\n" for name in NAMES))
    job = Job(tmp_path)
    phmmer(job, query=fasta, targets=None, evalue=10.0)
    assert {hit["target"]: hit["uniprot"] for hit in rows(job)} == NAMES
    assert {hit["description"] for hit in rows(job)} == {"Human globin."}


def test_a_query_without_hits_has_a_row(tmp_path: Path) -> None:
    """The row has no target."""
    job = Job(tmp_path)
    phmmer(job, query=HBB_HUMAN, targets=GLOBINS, evalue=1e-200)
    assert rows(job) == [{"query": "HBB_HUMAN", "query_length": 146, "hits": 0}]


def test_the_numbers_of_rows_and_listed_queries_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The counts include all hits, and the result records that not all are shown."""
    monkeypatch.setattr(module, "HITS_SHOWN", 100)
    monkeypatch.setattr(module, "QUERIES_LISTED", 10)
    job = Job(tmp_path)
    result = phmmer(job, query=GLOBINS, targets=None, evalue=10.0)
    assert (len(rows(job)), len(result["searches"])) == (100, 10)
    assert (result["queries"], result["hits"], result["all_shown"]) == (45, 2018, False)


@pytest.mark.parametrize("shown", [10_000, 100])
def test_a_query_has_the_offset_of_its_first_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shown: int) -> None:
    """A page can start at any query that has rows, even if the number of hits shown is limited."""
    monkeypatch.setattr(module, "HITS_SHOWN", shown)
    queries = tmp_path / "queries.fa"
    queries.write_text(GLOBINS.read_text() + ">none\nWPWPGWPWPG\n")
    job = Job(tmp_path)
    result = phmmer(job, query=queries, targets=GLOBINS, evalue=0.001)
    starts = [search["start"] for search in result["searches"]]
    assert (starts.count(None) > 40) == (shown == 100)
    assert starts[-1] is not None  # the row of a query without hits
    for search in result["searches"]:
        if search["start"] is not None:
            row = read_rows(tmp_path / "outputs/hits.jsonl", search["start"]).rows[0]
            assert (row["query"], row.get("rank", 1)) == (search["query"], 1)
    numbers = [row["number"] for row in rows(job) if "target" in row]
    assert numbers == list(range(1, len(numbers) + 1))


def test_the_fallback_has_the_completed_queries(tmp_path: Path) -> None:
    """Rows and tables are a prefix of the complete output, and the tables note how many queries were searched."""
    job = Job(tmp_path)

    def interrupt(number: int, frame: Any) -> None:
        raise SoftTimeLimitExceeded

    def interrupt_later() -> None:
        while not (job.progress and job.progress["current"] >= 5):
            time.sleep(0.001)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        threading.Thread(target=interrupt_later).start()
        result = phmmer(job, query=GLOBINS, targets=None, evalue=10.0)
    finally:
        signal.signal(signal.SIGUSR1, before)
    whole = phmmer(Job(tmp_path / "whole"), query=GLOBINS, targets=None, evalue=10.0)
    assert isinstance(result, Fallback)
    assert 5 <= result["queries"] < 45
    assert result["searches"] == whole["searches"][: result["queries"]]
    assert len(rows(job)) == result["hits"]
    note = f"# Stopped at the time limit: {result['queries']} of 45 queries were searched.\n"
    for name, table in tables(job).items():
        assert table.endswith(note)
        assert reference("globins45")[name].startswith(table.removesuffix(note))
    assert tables(job)["targets"].count("\n") == 3 + result["hits"] + 1


def test_an_interrupted_query_is_removed_from_the_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time limit may interrupt a query when only one of its two tables has been written."""
    add, calls = module._Report.add, 0

    def half_an_add(report: Any, hits: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            hits.write(report._tables[0], format="targets", header=False)
            report._searches.append({"half": "done"})
            raise SoftTimeLimitExceeded
        add(report, hits)

    monkeypatch.setattr(module._Report, "add", half_an_add)
    job = Job(tmp_path)
    result = phmmer(job, query=GLOBINS, targets=None, evalue=10.0)
    assert (result["queries"], len(result["searches"])) == (2, 2)
    assert {row["query"] for row in rows(job)} == {search["query"] for search in result["searches"]}
    assert reference("globins45")["targets"].startswith(tables(job)["targets"].rpartition("# Stopped")[0])


def test_the_longest_names_do_not_exceed_the_limit_of_a_result(tmp_path: Path) -> None:
    """A thousand queries with names of 900 characters, of four bytes each, fit."""
    names = ["\U0001f9ec" * 900 + str(number) for number in range(QUERIES_LISTED)]
    (tmp_path / "query").write_text("".join(f">{name}\nMKVLAWTRH\n" for name in names), encoding="utf-8")
    (tmp_path / "targets").write_text(">t\nMKVLAWTRHMKVLAWTRH\n")
    result = phmmer(Job(tmp_path), query=tmp_path / "query", targets=tmp_path / "targets", evalue=1e-300)
    assert result["queries"] == QUERIES_LISTED
    assert check_result(result, Settings().max_result_bytes)
