"""The text of a phmmer search, compared with what the program prints (see reference/README.md)."""

import re
import subprocess
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

import pytest
from pyhmmer.plan7 import Pipeline

from greeter.toolkit import Job
from greeter.tools.phmmer import blockwise_search, phmmer
from greeter.tools.phmmer.blockwise_search import AMINO, read_proteins, search
from greeter.tools.phmmer.found import Found, Run
from greeter.tools.phmmer.text import END, query_text
from tests.conftest import needs
from tests.tools.test_phmmer import GLOBINS, HBB_HUMAN, PROTEINS, REFERENCE, THREE, text
from tests.tools.test_phmmer_search import SHIPPED_GLOBINS, LimitedJob, relatives

ODD_QUERIES, ODD_TARGETS = REFERENCE / "odd_queries.fa", REFERENCE / "odd_targets.fa"
ODD_NUMBER = 10**12  # of targets, for which E-values are calculated


def printed(results: Iterable[Found], *, aligned: bool = True) -> bytes:
    """The text about all queries."""
    return b"".join(line for found in results for line in query_text(found, aligned=aligned)) + END


def body(printed: bytes) -> bytes:
    """A text without the lines about the run at its start, and without times."""
    return re.sub(rb"^# (CPU time|Mc/sec):.*\n", b"", printed.partition(b"\n\n")[2], flags=re.MULTILINE)


@pytest.mark.parametrize(("block", "cores"), [(10**6, 1), (1000, 2)])
def test_the_text_equals_that_of_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int, cores: int
) -> None:
    """Several domains, long alignments, several queries, one of them without hits; in one block and in many."""
    monkeypatch.setattr(blockwise_search, "BLOCK", block)
    job = Job(tmp_path, cores=cores)
    phmmer(job, query=THREE, targets=PROTEINS, evalue=10.0)
    written = text(job, "phmmer.txt")
    assert written.startswith("# phmmer :: search a protein sequence against a protein database\n")
    assert "\n# target sequence database:        human_proteins.fa\n" in written
    assert "\n# sequence reporting threshold:    E-value <= 10\n" in written
    assert body(written.encode()) == (REFERENCE / "three.txt").read_bytes()


def test_the_text_about_odd_sequences_equals_that_of_the_program() -> None:
    """Long names, cut descriptions, lines without residues, and hits that are not significant."""
    (queries,) = read_proteins(ODD_QUERIES)
    found = search(queries, ODD_TARGETS, number=ODD_NUMBER, evalue=1e6)
    expected = (REFERENCE / "odd.txt").read_bytes()
    assert printed(found) == expected
    for case in (b"inclusion threshold", b" - ------", "é".encode()[:1] + b"\n", b"[No hits", b" ? ", b"   100 "):
        assert case in expected


def test_the_text_without_alignments_equals_that_of_the_program() -> None:
    """Even for hits none of whose domains is good enough by itself."""
    (queries,), (targets,) = read_proteins(ODD_QUERIES), read_proteins(ODD_TARGETS)
    results = [Found(BytesIO()) for _ in queries]
    for found, query in zip(results, queries, strict=True):
        found.add(Run.of(Pipeline(AMINO, Z=ODD_NUMBER, E=1e6, domE=1e-30).search_seq(query, targets)))
    expected = (REFERENCE / "odd_noali.txt").read_bytes()
    assert printed(results, aligned=False) == expected
    assert b"[No individual domains" in expected


def test_the_text_names_the_database_that_was_searched(tmp_path: Path) -> None:
    """By its id and version."""
    job = Job(tmp_path)
    phmmer(job, query=HBB_HUMAN, database=SHIPPED_GLOBINS, targets=None, evalue=10.0)
    assert "\n# target sequence database:        globins/1\n" in text(job, "phmmer.txt")


@needs("phmmer", "hmmer")
def test_the_text_equals_what_the_installed_program_prints(tmp_path: Path) -> None:
    """For many hits of every degree, with their domains; without alignments too."""
    targets = relatives(tmp_path / "targets", 500)
    (queries,) = read_proteins(THREE)
    for aligned in (True, False):
        found = search(queries, targets, number=500, evalue=10.0, threads=2)
        command = ["phmmer", *(() if aligned else ("--noali",)), str(THREE), str(targets)]
        ended = subprocess.run(command, capture_output=True, check=True)
        assert printed(found, aligned=aligned) == body(ended.stdout)


def test_the_text_of_a_stopped_search_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has the complete queries, and instead of [ok] a note."""
    (tmp_path / "whole").mkdir()
    query = tmp_path / "query"
    query.write_text(">".join(GLOBINS.read_text().split(">")[:5]))
    stopped, whole = LimitedJob(tmp_path), Job(tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(blockwise_search, "BLOCK", 500)
        result = phmmer(stopped, query=query, targets=GLOBINS, evalue=10.0)
    phmmer(whole, query=query, targets=GLOBINS, evalue=10.0)
    note = f"# Stopped at the time limit: {result['queries']} of 4 queries were searched.\n"
    complete, _, rest = text(stopped, "phmmer.txt").rpartition(note)
    assert rest == ""
    assert complete.count("\nQuery: ") == result["queries"] == 2
    assert text(whole, "phmmer.txt").startswith(complete)
    assert text(whole, "phmmer.txt").endswith("//\n[ok]\n")
