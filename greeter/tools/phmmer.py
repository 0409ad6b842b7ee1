"""Protein similarity search with phmmer of the HMMER library, without an external program (pyhmmer)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pyhmmer.easel import Alphabet, SequenceFile
from pyhmmer.hmmer import phmmer as search
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
from greeter.tools.phmmer_report import Report

EXAMPLES = Path(__file__).parents[2] / "static" / "examples"
LONGEST_SEQUENCE = 100_000  # residues: the limit of HMMER's search pipeline
_BYTES_PER_CELL = 36  # of the matrix of two sequences


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
    example={"query": EXAMPLES / "JAK2_HBB_INS.fa", "targets": EXAMPLES / "human_proteins.fa", "evalue": 10.0},
)
def phmmer(job: Job, query: Path, targets: Path | None, evalue: float) -> Result:
    """Search proteins against proteins with HMMER's phmmer.

    The result files are those of `phmmer_report.Report`.

    Args:
        job: The job.
        query: A FASTA file of the query proteins.
        targets: A FASTA file of the target proteins. None: the queries are also the targets.
        evalue: The largest E-value of a reported hit: the number of hits at least as good that chance alone is
            expected to give among all targets.

    Returns:
        `queries`, `targets`, `query_residues` and `target_residues`: how much was compared. `evalue`: the threshold.
        `hits`, of which `significant` are those that HMMER includes, with an E-value up to 0.01. `without_hits`: the
        number of queries without any. `all_aligned`: whether the page shows the alignments of all hits.
        At the soft time limit, a fallback with the queries that are complete by then.

    Sources:
        Eddy SR (2011) Accelerated Profile HMM Searches, PLoS Comput Biol 7:e1002195.
        Larralde M, Zeller G (2023) PyHMMER, Bioinformatics 39:btad214.
    """
    queries = _read_proteins(query)
    database = _read_proteins(targets) if targets else queries
    with Report(job, targets or query, evalue) as report:
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
