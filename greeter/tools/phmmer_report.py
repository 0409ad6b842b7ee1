"""The result files of a phmmer search: tables of hits and queries, HMMER's tables and text, sequences, alignments."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self

from pyhmmer.easel import DigitalSequence
from pyhmmer.plan7 import Hit, TopHits

from greeter.toolkit import Column, Job, Result
from greeter.toolkit.table import Cell, Mark
from greeter.tools.phmmer_alignments import aligned_parts, write_alignments
from greeter.tools.phmmer_hits import COLUMNS, domain_rows, hit_row
from greeter.tools.phmmer_text import END, query_text, start

HITS_ALIGNED = 10_000  # on the page and in the text, as alignments need most of the space
_FILES = {
    "targets.tbl": "All hits, as phmmer --tblout writes them.",
    "domains.tbl": "The domains of all hits, as phmmer --domtblout writes them.",
    "phmmer.txt": "The text that phmmer prints: scores, domains, alignments and statistics of each query.",
    "aligned.fasta": "The aligned part of each domain of each hit.",
    "alignments.sto": "A multiple alignment of the significant hits of each query, as phmmer -A writes it (Stockholm).",
    "alignments.aln": "The multiple alignments, in Clustal format.",
}
_QUERIES = {
    "query": Column("Query", filter="text"),
    "query_length": Column("Residues", "number", format=","),
    "hits": Column("Hits", "number", format=","),
    "significant": Column("Significant", "number", format=","),
    "target": Column("Best target"),
    "evalue": Column("E-value", "number", format=".2g"),
}


class Report:
    """The hits of the completed queries: written to the result files, and counted for the page.

    Args:
        job: The job.
        targets: The FASTA file of the target proteins.
        name: The name of that file, or of the database that it belongs to, such as "swissprot/2026_04".
        evalue: The E-value threshold.
    """

    def __init__(self, job: Job, targets: Path, name: str, evalue: float) -> None:
        self._job, self._targets, self._name, self._evalue = job, targets, name, evalue
        self._stack = ExitStack()
        self._files: list[BinaryIO] = []
        self._without_hits: list[dict[str, Cell]] = []
        self._first_query: dict[bytes, int] = {}  # by target: the number of the first query that it is a hit of

    def __enter__(self) -> Self:
        enter = self._stack.enter_context
        self._files = [enter(self._job.open(name, "wb", about=about)) for name, about in _FILES.items()]
        self._hits = enter(
            self._job.table("hits.tsv", COLUMNS, about="A header, then one line per hit, with all digits.")
        )
        self._queries = enter(self._job.table("queries.tsv", _QUERIES, about="A header, then one line per query."))
        self._job.about("hits.fasta", "The whole sequences of all hits.")
        self._files[2].write(start(self._name, self._evalue))
        self._complete = _Checkpoint(tuple(file.tell() for file in self._files), self._hits.mark, self._queries.mark)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def add(self, hits: TopHits[DigitalSequence]) -> None:
        """Add the hits of the next query."""
        before = self._complete
        target_table, domain_table, text, parts, stockholm, clustal = self._files
        for table, layout in ((target_table, "targets"), (domain_table, "domains")):
            hits.write(table, format=layout, header=before.queries == 0)  # type: ignore[arg-type]  # stale stubs
        text.writelines(query_text(hits, aligned=before.hits + len(hits.reported) <= HITS_ALIGNED))
        parts.writelines(aligned_parts(hits))
        write_alignments(hits, stockholm, clustal)
        for rank, hit in enumerate(hits.reported, 1):
            domains = domain_rows(hit, aligned=before.hits + rank <= HITS_ALIGNED)
            self._hits.add(hit_row(hits, hit, rank), {"domains": domains})
            self._first_query.setdefault(hit.name.encode(), before.queries)
        best = next(iter(hits.reported), None)
        row = _query_row(hits, best)
        if best:
            self._queries.add(row)
        else:
            self._without_hits.append(row)
        self._complete = _Checkpoint(  # one assignment, which the time limit cannot interrupt halfway
            queries=before.queries + 1,
            query_residues=before.query_residues + len(hits.query),
            targets=hits.searched_sequences,
            target_residues=hits.searched_residues,
            hits=before.hits + len(hits.reported),
            significant=before.significant + len(hits.included),
            without_hits=before.without_hits + (not best),
            ends=tuple(file.tell() for file in self._files),
            hit_mark=self._hits.mark,
            query_mark=self._queries.mark,
        )

    def end(self) -> None:
        """Write what the program writes at the end of a complete search."""
        self._files[2].write(END)

    def end_early(self, total: int) -> None:
        """Remove the parts of an incomplete query, and note in tables and text how many of all queries are complete."""
        complete = self._complete
        self._hits.rewind(complete.hit_mark)
        for file, end in zip(self._files, complete.ends, strict=True):
            file.seek(end)
            file.truncate()
        note = f"# Stopped at the time limit: {complete.queries} of {total} queries were searched.\n"
        for file in self._files[:3]:
            file.write(note.encode())

    def result(self) -> Result:
        """Finish the files, and return the result that the page shows."""
        complete = self._complete
        self._queries.rewind(complete.query_mark)
        for row in self._without_hits[: complete.without_hits]:
            self._queries.add(row)
        self._write_hit_sequences()
        return {
            "queries": complete.queries,
            "query_residues": complete.query_residues,
            "targets": complete.targets,
            "target_residues": complete.target_residues,
            "evalue": self._evalue,
            "hits": complete.hits,
            "significant": complete.significant,
            "without_hits": complete.without_hits,
            "all_aligned": complete.hits <= HITS_ALIGNED,
        }

    def _write_hit_sequences(self) -> None:
        """Copy the records of all hits, reading the targets once more, so that none needs to stay in memory."""
        found, is_hit = self._first_query, False
        with self._targets.open("rb") as targets, self._job.open("hits.fasta", "wb") as copy:
            for line in targets if found else ():
                if line.startswith(b">"):
                    is_hit = found.get(line[1:].split(maxsplit=1)[0], self._complete.queries) < self._complete.queries
                if is_hit:
                    copy.write(line)


def _query_row(hits: TopHits[DigitalSequence], best: Hit | None) -> dict[str, Cell]:
    return {
        "query": hits.query.name,
        "query_length": len(hits.query),
        "hits": len(hits.reported),
        "significant": len(hits.included),
        "target": best.name if best else None,
        "evalue": best.evalue if best else None,
    }


class _Checkpoint(NamedTuple):
    """How much of a report is complete. `ends` are the sizes of its files in bytes, in the order of _FILES."""

    ends: tuple[int, ...]
    hit_mark: Mark
    query_mark: Mark
    queries: int = 0
    query_residues: int = 0
    targets: int = 0
    target_residues: int = 0
    hits: int = 0
    significant: int = 0
    without_hits: int = 0
