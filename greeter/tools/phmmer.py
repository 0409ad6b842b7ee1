"""Protein similarity search with phmmer, from the HMMER library in process (pyhmmer)."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple

from pyhmmer.easel import Alphabet, SequenceFile
from pyhmmer.hmmer import phmmer as search
from pyhmmer.plan7 import TopHits
from wtforms import FloatField, Form
from wtforms.validators import DataRequired, InputRequired, NumberRange

from greeter.toolkit import Job, ProteinFastaField, SoftTimeLimitExceeded, tool
from greeter.tools.phmmer_hits import describe

EXAMPLES = Path(__file__).parents[2] / "static" / "examples"
HITS_SHOWN = 10_000  # with their alignments, which take most of the room
QUERIES_LISTED = 1000


class PhmmerForm(Form):
    """Which proteins to search with, and where."""

    query = ProteinFastaField("Query proteins", [DataRequired("Paste or upload at least one protein.")])
    targets = ProteinFastaField(
        "Target proteins", description="Leave this empty to compare the queries with each other."
    )
    evalue = FloatField(
        "E-value threshold",
        [InputRequired(), NumberRange(1e-300, 1e6)],
        default=10.0,
        description="A hit is reported when no more than this many as good are expected by chance.",
    )


@tool(
    "phmmer protein search",
    form=PhmmerForm,
    libraries=["pyhmmer"],
    duration="seconds for a few proteins, minutes for hundreds against hundreds",
    example={"query": EXAMPLES / "HBB_HUMAN.fa", "targets": EXAMPLES / "globins45.fa", "evalue": 10.0},
)
def phmmer(job: Job, query: Path, targets: Path | None, evalue: float) -> dict[str, Any]:
    """Find the proteins that resemble yours, as the program phmmer of HMMER does.

    `query` and `targets` are FASTA files of proteins (no targets: the queries), `evalue` is the largest E-value
    of a hit. E-values count expected chance hits among all targets; scores and biases are in bits. The files
    `targets.tbl` and `domains.tbl` hold all hits in HMMER's own tables (--tblout, --domtblout); `hits.jsonl` holds
    the first 10,000 with their alignments, a JSON object on each line, for the page and for scripts.

    Sources: Eddy SR (2011) Accelerated Profile HMM Searches, PLoS Comput Biol 7:e1002195;
    Larralde M, Zeller G (2023) PyHMMER, Bioinformatics 39:btad214.
    """
    queries = _read(query)
    database = _read(targets) if targets else queries
    with (
        job.open("targets.tbl", "wb") as target_table,
        job.open("domains.tbl", "wb") as domain_table,
        job.open("hits.jsonl", "wb") as rows,
    ):
        report = _Report(target_table, domain_table, rows)
        hits_by_query = search(queries, database, cpus=1, E=evalue)
        try:
            for hits in job.track(hits_by_query, total=len(queries), unit="query"):
                report.add(hits)
            return report.result()
        except SoftTimeLimitExceeded:
            report.stop(len(queries))
            return job.fallback(report.result())


def _read(path: Path) -> Any:  # a DigitalSequenceBlock; the stubs of pyhmmer would not let it be searched
    with SequenceFile(path, format="fasta", digital=True, alphabet=Alphabet.amino()) as sequences:
        return sequences.read_block()


class _Report:
    """The hits of the queries that are complete: in files, and counted and listed for the page."""

    def __init__(self, target_table: IO[bytes], domain_table: IO[bytes], rows: IO[bytes]) -> None:
        self._tables, self._rows = (target_table, domain_table), rows
        self._searches: list[dict[str, Any]] = []
        self._complete = _Extent()

    def add(self, hits: TopHits[Any]) -> None:
        """Take the hits of the next query."""
        before = self._complete
        for table, layout in zip(self._tables, ("targets", "domains"), strict=True):
            hits.write(table, format=layout, header=before.queries == 0)  # type: ignore[arg-type]  # stale stubs
        search = {"query": hits.query.name, "query_length": len(hits.query), "hits": len(hits.reported)}
        room = max(HITS_SHOWN - before.hits, 0) if search["hits"] else 1  # for no hit, a row that says so
        if before.queries < QUERIES_LISTED:
            self._searches.append(search | {"start": before.ends[-1] if room else None})
        for row in islice(describe(hits) if search["hits"] else [{}], room):
            self._rows.write(json.dumps(search | row).encode() + b"\n")
        self._complete = _Extent(  # one assignment: the time limit may strike before or after it, never within
            queries=before.queries + 1,
            hits=before.hits + search["hits"],
            ends=tuple(file.tell() for file in (*self._tables, self._rows)),
        )

    def stop(self, total: int) -> None:
        """Drop what is there of a query that is not complete, and say in the tables that queries are missing."""
        del self._searches[self._complete.queries :]
        for file, end in zip((*self._tables, self._rows), self._complete.ends, strict=True):
            file.seek(end)
            file.truncate()
        for table in self._tables:
            table.write(
                f"# Stopped at the time limit: {self._complete.queries} of {total} queries were searched.\n".encode()
            )

    def result(self) -> dict[str, Any]:
        """The result for the page; `start` of a query is where its rows begin in `hits.jsonl`, if it has some."""
        return {
            "queries": self._complete.queries,
            "hits": self._complete.hits,
            "searches": self._searches,
            "all_shown": self._complete.hits <= HITS_SHOWN,
        }


class _Extent(NamedTuple):
    """How far a report is complete."""

    queries: int = 0
    hits: int = 0
    ends: tuple[int, ...] = (0, 0, 0)
