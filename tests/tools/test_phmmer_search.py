"""phmmer in databases, and in files that are searched block by block."""

import gc
import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from flask import Flask
from pyhmmer.plan7 import TopHits
from werkzeug.datastructures import MultiDict

from greeter.jobs.databases import SHIPPED
from greeter.toolkit import Database, Job, SoftTimeLimitExceeded, read_fasta
from greeter.toolkit.job import Fallback
from greeter.tools import phmmer_search as module
from greeter.tools.phmmer import phmmer
from greeter.tools.phmmer_search import read_proteins, search
from greeter.web.forms import make_form
from tests.conftest import ROOT, needs
from tests.tools.test_phmmer import GLOBINS, HBB_HUMAN, reference, tables

SHIPPED_GLOBINS = Database.read(SHIPPED / "globins/1")


def table_rows(text: str) -> list[str]:
    """The lines of a table without the comments."""
    return [line for line in text.splitlines() if line[0] != "#"]


@pytest.mark.parametrize(("kept", "cores"), [(100, 1), (0, 2)])
@pytest.mark.parametrize(
    ("name", "query", "evalue"),
    [
        ("hbb_human", HBB_HUMAN, 10.0),
        ("strict", HBB_HUMAN, 1e-50),
        pytest.param("globins45", GLOBINS, 10.0, marks=pytest.mark.slow),
    ],
)
def test_a_database_in_many_blocks_gives_the_tables_of_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, query: Path, evalue: float, kept: int, cores: int
) -> None:
    """Every byte is the same, whether the blocks are kept in memory or read again for each query."""
    monkeypatch.setattr(module, "BLOCK", 500)
    monkeypatch.setattr(module, "KEPT_BLOCKS", kept)
    job = Job(tmp_path, cores=cores)
    result = phmmer(job, query=query, database=SHIPPED_GLOBINS, targets=None, evalue=evalue)
    assert tables(job) == reference(name)
    assert (result["targets"], result["target_residues"]) == (45, 6519)


def test_the_hits_of_blocks_are_freed_once_they_are_merged(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take as much memory as the merged ones, until the next query is complete."""
    monkeypatch.setattr(module, "BLOCK", 500)
    (queries,) = read_proteins(HBB_HUMAN)
    before = sum(isinstance(one, TopHits) for one in gc.get_objects())
    found = search(queries, SHIPPED_GLOBINS.path, evalue=10.0)
    hits = next(found)
    assert hits
    assert sum(isinstance(one, TopHits) for one in gc.get_objects()) - before == 1
    found.close()


def relatives(path: Path, number: int) -> Path:
    """Write proteins between random ones and close relatives of the globins, whose E-values differ widely."""
    letters, chance = "ACDEFGHIKLMNPQRSTVWY", random.Random(1)
    globins = [record.sequence for record in read_fasta(GLOBINS)]
    with path.open("w") as file:
        for at in range(number):
            rate, source = chance.random() ** 0.2, chance.choice(globins) * chance.choice([1, 1, 2, 3])
            protein = "".join(chance.choice(letters) if chance.random() < rate else one for one in source)
            file.write(f">p{at} made of a globin\n{protein}\n")
    return path


@pytest.mark.slow
@needs("phmmer", "hmmer")
def test_the_hits_of_thousands_of_targets_are_those_of_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With several domains in a hit, hits near the threshold, and equal E-values."""
    monkeypatch.setattr(module, "BLOCK", 50_000)
    monkeypatch.setattr(module, "KEPT_BLOCKS", 3)
    targets, queries = relatives(tmp_path / "targets", 3000), tmp_path / "queries"
    queries.write_text(">".join(GLOBINS.read_text().split(">")[:6]))
    files: list[Path] = [tmp_path / "targets.tbl", tmp_path / "domains.tbl"]
    options = ["--noali", "-o", "/dev/null", "--tblout", str(files[0]), "--domtblout", str(files[1])]
    subprocess.run(["phmmer", *options, str(queries), str(targets)], check=True)
    job = Job(tmp_path / "job", cores=2)
    result = phmmer(job, query=queries, targets=targets, evalue=10.0)
    assert result["hits"] > 500
    expected = {file.stem: table_rows(file.read_text()) for file in files}
    assert {name: table_rows(text) for name, text in tables(job).items()} == expected


@pytest.mark.slow
def test_the_progress_of_one_query_is_the_part_of_the_targets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is counted in sequences; that of several queries in queries."""
    monkeypatch.setattr(module, "BLOCK", 500)
    done: list[int] = []
    (queries,) = read_proteins(HBB_HUMAN)
    (hits,) = search(
        queries, GLOBINS, evalue=10.0, searched=lambda number, of_all: done.append(number * (of_all == 45))
    )
    assert (done, len(hits.reported)) == (sorted(set(done)), 45)
    assert (len(done), done[-1]) == (12, 45)
    for query, progress in ((HBB_HUMAN, (45, "sequence")), (GLOBINS, (45, "query"))):
        job = Job(tmp_path / query.name)
        phmmer(job, query=query, database=SHIPPED_GLOBINS, targets=None, evalue=10.0)
        assert job.progress
        assert (job.progress["current"], job.progress["unit"]) == progress


class LimitedJob(Job):
    """A job whose time limit is reached in the middle of its third query."""

    calls = 0

    def at(self, done: int, total: int | None = None, unit: str = "step") -> None:
        """Count the blocks."""
        self.calls += 1
        if self.calls == 30:
            raise SoftTimeLimitExceeded
        super().at(done, total, unit)


def test_the_time_limit_keeps_complete_queries_and_ends_all_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a query that was compared with a part of the targets, nothing is kept."""
    monkeypatch.setattr(module, "BLOCK", 500)
    before = set(threading.enumerate())
    result = phmmer(LimitedJob(tmp_path, cores=2), query=GLOBINS, targets=None, evalue=10.0)
    assert isinstance(result, Fallback)
    assert result["queries"] == 2
    assert set(threading.enumerate()) <= before


@pytest.mark.slow
def test_the_memory_does_not_depend_on_the_number_of_targets(tmp_path: Path) -> None:
    """A file of 100 MB needs far less than its size."""
    (tmp_path / "query").write_text(">q\nMKVLAWTRHM\n")
    with (tmp_path / "targets").open("w") as file:
        for at in range(25_000):
            file.write(f">t{at}\n{'ACDEFGHIKL' * 400}\n")
    code = f"""if True:
        from pathlib import Path
        from resource import RUSAGE_SELF, getrusage
        from greeter.toolkit import Job
        from greeter.tools.phmmer import phmmer
        before = getrusage(RUSAGE_SELF).ru_maxrss
        folder = Path({str(tmp_path)!r})
        phmmer(Job(folder / "job", cores=2), query=folder / "query", targets=folder / "targets", evalue=10.0)
        print(getrusage(RUSAGE_SELF).ru_maxrss - before)
    """
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(ended.stdout) < 60_000  # KB


def test_the_longest_sequence_of_a_database_decides_on_the_memory(tmp_path: Path) -> None:
    """It is known without reading the database."""
    query = tmp_path / "query"
    query.write_text(">q\n" + "MKVLAWTRHM" * 200 + "\n")
    about = SHIPPED_GLOBINS.about | {"id": "sp", "title": "Swiss-Prot", "version": "2026_04", "longest": 35_213}
    given = {"query": query, "database": Database.of(about, tmp_path), "targets": None, "evalue": 10.0}
    assert phmmer.memory_problem(given, 4 * 2**30) is None
    assert phmmer.memory_problem(given, 2 * 2**30) == (
        "Comparing query 'q' (2,000 residues) with the longest sequence of Swiss-Prot version 2026_04 (35,213 residues) "
        "may need 2.4 GiB of memory, but a job may use 2.0 GiB. Split the query into parts."
    )


@pytest.mark.parametrize("targets", ["", ">t\nMKV\n"])
def test_the_users_targets_are_searched_instead_of_a_database(app: Flask, targets: str) -> None:
    """Then the job names no database. A script that sends no database gets none."""
    with app.test_request_context():
        sent = {"query": ">q\nMKV\n", "targets": targets, "evalue": "10"}
        for database in ({}, {"database": ""}, {"database": "globins/1"}):
            form = make_form(app.extensions["greeter"].tools["phmmer"], MultiDict(sent | database))
            assert form.validate(), form.errors
            is_searched = database.get("database") and not targets
            assert form.data["database"] == (SHIPPED_GLOBINS if is_searched else None)
