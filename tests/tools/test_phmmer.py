"""phmmer against the tables that the program itself made (reference/README.md)."""

import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from greeter.core import Job, SoftTimeLimitExceeded
from greeter.core.job import Fallback
from greeter.tools import phmmer as module
from greeter.tools.phmmer import EXAMPLES, phmmer

REFERENCE = Path(__file__).parent / "reference"
HBB_HUMAN, GLOBINS = EXAMPLES / "HBB_HUMAN.fa", EXAMPLES / "globins45.fa"


def tables(job: Job) -> dict[str, str]:
    """The tables that a job made."""
    return {name: (job.folder / "outputs" / f"{name}.tbl").read_text() for name in ("targets", "domains")}


def reference(name: str) -> dict[str, str]:
    """The tables that the program made."""
    return {table: (REFERENCE / f"{name}.{table}").read_text() for table in ("targets", "domains")}


@pytest.mark.parametrize(
    ("name", "query", "targets", "evalue"),
    [
        ("hbb_human", HBB_HUMAN, GLOBINS, 10.0),
        ("strict", HBB_HUMAN, GLOBINS, 1e-50),
        ("globins45", GLOBINS, GLOBINS, 10.0),
        ("globins45", GLOBINS, None, 10.0),
    ],
)
def test_the_tables_are_those_of_the_program(
    tmp_path: Path, name: str, query: Path, targets: Path, evalue: float
) -> None:
    """Every byte of --tblout and --domtblout, but for the comments about the run."""
    job = Job(tmp_path)
    phmmer(job, query=query, targets=targets, evalue=evalue)
    assert tables(job) == reference(name)


def test_the_result_has_the_programs_values(tmp_path: Path) -> None:
    """Rounded as in the program's table."""
    result = phmmer(Job(tmp_path), query=HBB_HUMAN, targets=GLOBINS, evalue=10.0)
    rows = [line.split(maxsplit=18) for line in reference("hbb_human")["targets"].splitlines() if line[0] != "#"]
    (search,) = result["searches"]
    assert (search["query"], search["length"], search["found"]) == ("HBB_HUMAN", 146, 45)
    shown = [
        [hit["target"], f"{hit['evalue']:.2g}", f"{hit['score']:.1f}", f"{hit['bias']:.1f}"] for hit in search["hits"]
    ]
    assert shown == [[row[0], *row[4:7]] for row in rows]
    assert (result["queries"], result["hits"], result["all_shown"]) == (1, 45, True)


def test_descriptions_are_shown(tmp_path: Path) -> None:
    """What stands behind the name in a target's header."""
    result = phmmer(Job(tmp_path), query=HBB_HUMAN, targets=None, evalue=10.0)
    assert result["searches"][0]["hits"][0]["description"] == "Human beta hemoglobin."


def test_the_page_gets_no_more_rows_than_it_can_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The counts and the files tell of all hits."""
    monkeypatch.setattr(module, "ROWS_SHOWN", 100)
    result = phmmer(Job(tmp_path), query=GLOBINS, targets=None, evalue=10.0)
    assert sum(1 + len(search["hits"]) for search in result["searches"]) == 100
    assert (result["queries"], result["hits"], result["all_shown"]) == (45, 2018, False)


def test_at_the_time_limit_the_finished_queries_are_complete(tmp_path: Path) -> None:
    """A true prefix of the whole result: in the page's rows and in both tables, which say what is missing."""
    job = Job(tmp_path)

    def strike(number: int, frame: Any) -> None:
        raise SoftTimeLimitExceeded

    def strike_later() -> None:
        while not (job.progress and job.progress["current"] >= 5):
            time.sleep(0.001)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, strike)
    try:
        threading.Thread(target=strike_later).start()
        result = phmmer(job, query=GLOBINS, targets=None, evalue=10.0)
    finally:
        signal.signal(signal.SIGUSR1, before)
    whole = phmmer(Job(tmp_path / "whole"), query=GLOBINS, targets=None, evalue=10.0)
    assert isinstance(result, Fallback)
    assert 5 <= result["queries"] < 45
    assert result["searches"] == whole["searches"][: result["queries"]]
    note = f"# Stopped at the time limit: {result['queries']} of 45 queries were searched.\n"
    for name, table in tables(job).items():
        assert table.endswith(note)
        rows = table.removesuffix(note)
        assert reference("globins45")[name].startswith(rows)
    assert tables(job)["targets"].count("\n") == 3 + result["hits"] + 1


def test_an_interrupted_query_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit may strike when one of the two tables has the query's hits and the other has not."""
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
    assert reference("globins45")["targets"].startswith(tables(job)["targets"].rpartition("# Stopped")[0])
