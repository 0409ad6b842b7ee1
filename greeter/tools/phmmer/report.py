"""The result files of a phmmer search: tables of hits and queries, HMMER's tables and text, sequences, alignments."""

from contextlib import ExitStack
from itertools import count
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, NamedTuple

from greeter.toolkit import Job, Result
from greeter.toolkit.table import Cell, Mark
from greeter.tools.phmmer.alignments import aligned_parts, write_alignments
from greeter.tools.phmmer.found import Found
from greeter.tools.phmmer.hits import COLUMNS, QUERY_COLUMNS, domain_row, hit_row, query_row
from greeter.tools.phmmer.text import END, query_text, start
from greeter.tools.phmmer.workarounds import table

HITS_ALIGNED = 10_000  # on the page and in the text, as alignments need most of the space
_FILES = {
    "targets.tbl": "All hits, as phmmer --tblout writes them.",
    "domains.tbl": "The domains of all hits, as phmmer --domtblout writes them.",
    "phmmer.txt": "The text that phmmer prints: scores, domains, alignments and statistics of each query.",
    "aligned.fasta": "The aligned part of each domain of each hit.",
    "alignments.sto": "A multiple alignment of the significant hits of each query, as phmmer -A writes it (Stockholm).",
    "alignments.aln": "The multiple alignments, in Clustal format.",
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
        self._job, self._targets = job, targets
        self._stack = ExitStack()
        enter = self._stack.enter_context
        self._files: list[BinaryIO] = [enter(job.open(name, "wb", about=about)) for name, about in _FILES.items()]
        self._files.append(enter(TemporaryFile(dir=job.folder)))  # the names of the hits, a line each
        self._hits = enter(job.table("hits.tsv", COLUMNS, about="A header, then one line per hit, with all digits."))
        self._queries = enter(job.table("queries.tsv", QUERY_COLUMNS, about="A header, then one line per query."))
        job.about("hits.fasta", "The whole sequences of all hits.")
        self._without_hits: list[dict[str, Cell]] = []
        self._files[2].write(start(name, evalue))
        self._complete = self._checkpoint(_Totals(evalue=evalue))

    def close(self) -> None:
        """Close the files."""
        self._stack.close()

    def add(self, found: Found) -> None:
        """Add the hits of the next query."""
        before, first, ranks = self._complete.totals, found.best(1), count(1)
        target_table, domain_table, text, parts, stockholm, clustal, names = self._files
        for part, hits in enumerate(found):
            for file, layout in ((target_table, "targets"), (domain_table, "domains")):
                file.write(table(hits, layout, header=before.queries == part == 0))
            parts.writelines(aligned_parts(hits))
            for hit, rank in zip(hits.reported, ranks, strict=False):
                aligned = before.hits + rank <= HITS_ALIGNED
                domains = [domain_row(domain, aligned=aligned) for domain in hit.domains.reported]
                self._hits.add(hit_row(hits, hit, rank), {"domains": domains})
                names.write(hit.name.encode() + b"\n")
        text.writelines(query_text(found, aligned=before.hits + found.reported <= HITS_ALIGNED))
        write_alignments(found, stockholm, clustal)
        row = query_row(found, first)
        if found.reported:
            self._queries.add(row)
        else:
            self._without_hits.append(row)
        totals = _Totals(
            queries=before.queries + 1,
            query_residues=before.query_residues + len(first.query),
            targets=first.searched_sequences,
            target_residues=first.searched_residues,
            evalue=before.evalue,
            hits=before.hits + found.reported,
            significant=before.significant + found.included,
            without_hits=before.without_hits + (not found.reported),
        )
        self._complete = self._checkpoint(totals)  # one assignment, which the time limit cannot interrupt halfway

    def _checkpoint(self, totals: "_Totals") -> "_Checkpoint":
        """Note what the files have now."""
        ends = tuple(file.tell() for file in self._files)
        return _Checkpoint(totals, ends, self._hits.mark, self._queries.mark)

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
        note = f"# Stopped at the time limit: {complete.totals.queries} of {total} queries were searched.\n"
        for file in self._files[:3]:
            file.write(note.encode())

    def result(self) -> Result:
        """Finish the files, and return the result that the page shows."""
        totals = self._complete.totals
        self._queries.rewind(self._complete.query_mark)
        for row in self._without_hits[: totals.without_hits]:
            self._queries.add(row)
        self._write_hit_sequences()
        return {**totals._asdict(), "all_aligned": totals.hits <= HITS_ALIGNED}

    def _write_hit_sequences(self) -> None:
        """Copy the records of all hits, reading the targets once more, so that only names are in memory."""
        names, is_hit = self._files[-1], False
        names.seek(0)
        found = {name.rstrip(b"\n") for name in names}
        with self._targets.open("rb") as targets, self._job.open("hits.fasta", "wb") as copy:
            for line in targets if found else ():
                if line.startswith(b">"):
                    is_hit = line[1:].split(maxsplit=1)[0] in found
                if is_hit:
                    copy.write(line)


class _Totals(NamedTuple):
    """What the page says about the completed queries."""

    queries: int = 0
    query_residues: int = 0
    targets: int = 0
    target_residues: int = 0
    evalue: float = 0.0
    hits: int = 0
    significant: int = 0
    without_hits: int = 0


class _Checkpoint(NamedTuple):
    """How much of a report is complete."""

    totals: _Totals
    ends: tuple[int, ...]  # the sizes of its files in bytes
    hit_mark: Mark
    query_mark: Mark
