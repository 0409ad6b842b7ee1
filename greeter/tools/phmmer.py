"""Protein similarity search with phmmer of the HMMER library, without an external program (pyhmmer)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple

from pyhmmer.easel import Alphabet, DigitalSequence, SequenceFile
from pyhmmer.hmmer import phmmer as search
from pyhmmer.plan7 import TopHits
from wtforms import FloatField, Form
from wtforms.validators import DataRequired, InputRequired, NumberRange

from greeter.toolkit import (
    FastaField,
    Job,
    MemoryNeed,
    Result,
    SoftTimeLimitExceeded,
    longest_sequence,
    tool,
)
from greeter.tools.phmmer_hits import hit_rows

EXAMPLES = Path(__file__).parents[2] / "static" / "examples"
LONGEST_SEQUENCE = 100_000  # residues: the limit of HMMER's search pipeline
HITS_SHOWN = 10_000  # in hits.jsonl, whose alignments need most of the space
QUERIES_LISTED = 1000
_BYTES_PER_CELL = 36  # of the matrix of two sequences
_LONGEST_LISTED_NAME = 70  # characters: with longer ones, a list could exceed MAX_RESULT_BYTES


class PhmmerForm(Form):
    """The query and target proteins, and the E-value threshold."""

    query = FastaField(
        "Query proteins", [DataRequired("Paste or upload at least one protein.")], longest=LONGEST_SEQUENCE
    )
    targets = FastaField(
        "Target proteins",
        description="Leave this empty to compare the queries with each other.",
        longest=LONGEST_SEQUENCE,
    )
    evalue = FloatField(
        "E-value threshold",
        [InputRequired(), NumberRange(1e-300, 1e6)],
        default=10.0,
        description="Report hits with an E-value up to this.",
    )


def memory_need(query: Path, targets: Path | None, evalue: float) -> MemoryNeed:
    """Estimate the memory that a search needs: that of its largest comparison.

    In the worst case, when the two sequences match over their whole length, it is about 36 bytes for each residue of
    the query and each residue of the target (Sean Eddy in https://github.com/EddyRivasLab/hmmer/issues/304).

    Args:
        query: A FASTA file of the query proteins.
        targets: A FASTA file of the target proteins. None: the queries are also the targets.
        evalue: The E-value threshold, which makes no difference.

    Returns:
        The memory of the comparison of the longest query with the longest target.
    """
    query_name, query_length = longest_sequence(query)
    target_name, target_length = longest_sequence(targets or query)
    return MemoryNeed(
        _BYTES_PER_CELL * query_length * target_length,
        f"Comparing query {query_name!r} ({query_length:,} residues) "
        f"with target {target_name!r} ({target_length:,} residues)",
        "Split the longer one into parts, or leave one of them out.",
    )


@tool(
    "phmmer protein search",
    form=PhmmerForm,
    action="Search",
    position=1,
    libraries=["pyhmmer"],
    edam={"operation_0346": "Sequence similarity search", "topic_0080": "Sequence analysis"},
    memory=memory_need,
    cores=2,
    duration="seconds for a few proteins, minutes for hundreds against hundreds",
    example={"query": EXAMPLES / "HBB_HUMAN.fa", "targets": EXAMPLES / "globins45.fa", "evalue": 10.0},
)
def phmmer(job: Job, query: Path, targets: Path | None, evalue: float) -> Result:
    """Search proteins against proteins with HMMER's phmmer.

    Writes three result files. `targets.tbl` and `domains.tbl` are HMMER's own tables of all hits (--tblout,
    --domtblout). `hits.jsonl` has the first 10,000 hits with their alignments, one JSON object per line: the keys of
    `phmmer_hits.HitRow`, and `query`, `query_length` (residues), `hits` (the number of hits of the query) and `number`
    (of the hit among those of all queries, counted from 1).

    Args:
        job: The job.
        query: A FASTA file of the query proteins.
        targets: A FASTA file of the target proteins. None: the queries are also the targets.
        evalue: The largest E-value of a reported hit: the number of hits at least as good that chance alone is
            expected to give among all targets.

    Returns:
        `queries` and `hits`: how many there are. `searches`: the name (its first 70 characters), length in residues
        and number of hits of each of the first 1,000 queries, and as `start` the offset in bytes of its first row in
        `hits.jsonl`, or None if it has no row there. `all_shown`: whether `hits.jsonl` has all hits.
        At the soft time limit, a fallback with the queries that are complete by then.

    Sources:
        Eddy SR (2011) Accelerated Profile HMM Searches, PLoS Comput Biol 7:e1002195.
        Larralde M, Zeller G (2023) PyHMMER, Bioinformatics 39:btad214.
    """
    queries = _read_proteins(query)
    database = _read_proteins(targets) if targets else queries
    with (
        job.open("targets.tbl", "wb", about="All hits, as phmmer --tblout writes them.") as target_table,
        job.open("domains.tbl", "wb", about="Their domains, as phmmer --domtblout writes them.") as domain_table,
        job.open("hits.jsonl", "wb", about="The hits on this page, with alignments, as JSON lines.") as rows,
    ):
        report = _Report(target_table, domain_table, rows)
        hits_by_query = search(queries, database, cpus=_threads(job, queries, database), E=evalue)
        try:
            for hits in job.track(hits_by_query, total=len(queries), unit="query"):
                report.add(hits)
            return report.result()
        except SoftTimeLimitExceeded:
            report.end_early(len(queries))
            return job.fallback(report.result())


def _threads(job: Job, queries: Any, database: Any) -> int:
    """Return how many queries to search at the same time: one for each core, if the memory suffices for all."""
    need = _BYTES_PER_CELL * len(queries.largest()) * len(database.largest())
    return max(1, min(job.cores, job.memory // need))


def _read_proteins(path: Path) -> Any:  # a DigitalSequenceBlock, which pyhmmer's type stubs do not accept as queries
    with SequenceFile(path, format="fasta", digital=True, alphabet=Alphabet.amino()) as sequences:
        return sequences.read_block()


class _Report:
    """The hits of the completed queries: written to the result files, and summarized for the page."""

    def __init__(self, target_table: IO[bytes], domain_table: IO[bytes], rows: IO[bytes]) -> None:
        self._tables, self._rows = (target_table, domain_table), rows
        self._searches: list[dict[str, object]] = []
        self._complete = _Checkpoint()

    def add(self, hits: TopHits[DigitalSequence]) -> None:
        """Add the hits of the next query."""
        before = self._complete
        for table, layout in zip(self._tables, ("targets", "domains"), strict=True):
            hits.write(table, format=layout, header=before.queries == 0)  # type: ignore[arg-type]  # stale stubs
        count = len(hits.reported)
        search = {"query": hits.query.name, "query_length": len(hits.query), "hits": count}
        room = max(HITS_SHOWN - before.hits, 0) if count else 1  # without hits, one row that shows so
        if before.queries < QUERIES_LISTED:
            listed = {**search, "query": hits.query.name[:_LONGEST_LISTED_NAME]}
            self._searches.append({**listed, "start": before.ends[-1] if room else None})
        rows: Iterable[Mapping[str, object]] = hit_rows(hits) if count else [{}]
        for number, row in enumerate(islice(rows, room), before.hits + 1):
            numbered = {**search, **row, "number": number} if count else search
            self._rows.write(json.dumps(numbered).encode() + b"\n")
        self._complete = _Checkpoint(  # one assignment, which the time limit cannot interrupt halfway
            queries=before.queries + 1,
            hits=before.hits + count,
            ends=tuple(file.tell() for file in (*self._tables, self._rows)),
        )

    def end_early(self, total: int) -> None:
        """Remove the parts of an incomplete query, and note in the tables how many of all queries are complete."""
        del self._searches[self._complete.queries :]
        for file, end in zip((*self._tables, self._rows), self._complete.ends, strict=True):
            file.seek(end)
            file.truncate()
        note = f"# Stopped at the time limit: {self._complete.queries} of {total} queries were searched.\n"
        for table in self._tables:
            table.write(note.encode())

    def result(self) -> Result:
        """Return the result that the page shows."""
        return {
            "queries": self._complete.queries,
            "hits": self._complete.hits,
            "searches": self._searches,
            "all_shown": self._complete.hits <= HITS_SHOWN,
        }


class _Checkpoint(NamedTuple):
    """How much of a report is complete. `ends` are the sizes in bytes of its three files."""

    queries: int = 0
    hits: int = 0
    ends: tuple[int, ...] = (0, 0, 0)
