"""phmmer in databases, and in files that are searched block by block."""

import gc
import random
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask
from pyhmmer.plan7 import Pipeline, TopHits
from werkzeug.datastructures import MultiDict

from greeter.jobs.databases import SHIPPED
from greeter.toolkit import Database, Job, SoftTimeLimitExceeded, read_fasta
from greeter.toolkit.job import Fallback
from greeter.tools.phmmer import blockwise_search as module
from greeter.tools.phmmer import phmmer
from greeter.tools.phmmer.blockwise_search import read_proteins, search
from greeter.web.input.forms import make_form
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
    monkeypatch.setattr("greeter.tools.phmmer.found.PART", kept * 500)
    job = Job(tmp_path, cores=cores)
    result = phmmer(job, query=query, database=SHIPPED_GLOBINS, targets=None, evalue=evalue)
    assert tables(job) == reference(name)
    assert (result["targets"], result["target_residues"]) == (45, 6519)


def test_only_a_part_of_the_hits_is_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are in a file, sorted: those of one query may be too many."""
    monkeypatch.setattr(module, "BLOCK", 500)
    monkeypatch.setattr("greeter.tools.phmmer.found.PART", 5000)
    gc.collect()  # what earlier tests have left
    (queries,) = read_proteins(HBB_HUMAN)
    with closing(search(queries, SHIPPED_GLOBINS.path, evalue=10.0)) as results:
        found = next(results)
        scores = []
        for hits in found:
            in_memory = [len(one) for one in gc.get_objects() if isinstance(one, TopHits) and one.query is hits.query]
            assert sum(in_memory) <= 10
            scores += [hit.score for hit in hits.reported]
    assert (len(scores), scores) == (45, sorted(scores, reverse=True))


def test_hits_whose_pvalue_is_one_are_sorted_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their scores differ, and in HMMER a score has no P-value above one."""
    dice, query, targets = random.Random(1), tmp_path / "query", tmp_path / "targets"
    repeat = "SGSGQQSGSGNNSGSGQSGSPSGSGTSGSGASGSGQQNSGSG" * 2
    query.write_text(f">q\n{repeat}\n")
    with targets.open("w") as file:
        for at in range(200):
            rate = dice.random()
            protein = "".join(dice.choice("SSSGGGQNP") if dice.random() < rate else one for one in repeat)
            file.write(f">p{dice.randrange(10**6)}_{at}\n{protein * 3}\n")
    (block,), (queries,) = read_proteins(targets), read_proteins(query)
    whole = Pipeline(module.AMINO, Z=200, E=1e6).search_seq(queries[0], block)
    expected = [(hit.name, hit.score) for hit in whole]
    monkeypatch.setattr(module, "BLOCK", 5000)
    with closing(search(queries, targets, evalue=1e6)) as results:
        assert [(hit.name, hit.score) for hits in next(results) for hit in hits.reported] == expected
    same = [(name, score) for (name, score), hit in zip(expected, whole, strict=True) if hit.pvalue == 1]
    assert len(same) > 5
    assert same == sorted(same) != sorted(same, key=lambda one: -one[1])


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
    monkeypatch.setattr("greeter.tools.phmmer.found.PART", 50_000)
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
    results = search(
        queries, GLOBINS, evalue=10.0, searched=lambda number, of_all: done.append(number * (of_all == 45))
    )
    assert [found.reported for found in results] == [45]
    assert done == sorted(set(done))
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
    given = {"query": query, "database": Database.from_description(about, tmp_path), "targets": None, "evalue": 10.0}
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
