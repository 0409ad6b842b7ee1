"""Protein similarity search with phmmer of the HMMER library, without an external program (pyhmmer)."""

from contextlib import closing
from functools import partial
from pathlib import Path

from wtforms import FloatField, Form
from wtforms.validators import DataRequired, InputRequired, NumberRange

from greeter.toolkit import (
    Database,
    DatabaseField,
    FastaField,
    Job,
    MemoryNeed,
    Result,
    SoftTimeLimitExceeded,
    longest_sequence,
    tool,
)
from greeter.tools.phmmer.blockwise_search import read_proteins, search
from greeter.tools.phmmer.report import Report
from greeter.tools.phmmer.workarounds import tiny_numbers_are_zero

EXAMPLES = Path(__file__).parents[3] / "static" / "examples"
LONGEST_SEQUENCE = 100_000  # residues: the limit of HMMER's search pipeline
_BYTES_PER_CELL = 36  # of the matrix of two sequences


class PhmmerForm(Form):
    """The query proteins, a database or target proteins, and the E-value threshold."""

    query = FastaField(
        "Query proteins",
        [DataRequired("Paste or upload at least one protein.")],
        alphabet="protein",
        longest=LONGEST_SEQUENCE,
    )
    database = DatabaseField(
        "Database",
        kind="protein",
        none="None: compare the queries with each other",
        description="If there are neither a database nor target proteins, each query is also compared with itself.",
        longest=LONGEST_SEQUENCE,
    )
    targets = FastaField(
        "Target proteins",
        alphabet="protein",
        description="Proteins of your own. They are searched instead of the database, whichever is chosen.",
        longest=LONGEST_SEQUENCE,
    )
    evalue = FloatField(
        "E-value threshold",
        [InputRequired(), NumberRange(1e-300, 1e6)],
        default=10.0,
        description="Report hits with an E-value up to this.",
    )

    def validate_database(self, field: DatabaseField) -> None:
        """Record no database if it is not searched."""
        if self.targets.data:
            field.data = None


def memory_need(query: Path, targets: Path | None, evalue: float, database: Database | None = None) -> MemoryNeed:
    """Estimate the memory that a search needs: that of its largest comparison.

    In the worst case, when the two sequences match over their whole length, it is about 36 bytes for each residue of
    the query and each residue of the target (Sean Eddy in https://github.com/EddyRivasLab/hmmer/issues/304).

    Args:
        query: A FASTA file of the query proteins.
        targets: A FASTA file of the target proteins, or None.
        evalue: The E-value threshold, which makes no difference.
        database: The database to search if there are no targets. None: the queries are also the targets.

    Returns:
        The memory of the comparison of the longest query with the longest target.
    """
    query_name, query_length = longest_sequence(query)
    if database and not targets:
        target, length = f"the longest sequence of {database}", database.longest or 0
        advice = "Split the query into parts."
    else:
        name, length = longest_sequence(targets or query)
        target, advice = f"target {name!r}", "Split the longer one into parts, or leave one of them out."
    comparison = f"Comparing query {query_name!r} ({query_length:,} residues) with {target} ({length:,} residues)"
    return MemoryNeed(_BYTES_PER_CELL * query_length * length, comparison, advice)


@tool(
    "phmmer protein search",
    form=PhmmerForm,
    action="Search",
    position=1,
    libraries=["pyhmmer"],
    edam={"operation_0346": "Sequence similarity search", "topic_0080": "Sequence analysis"},
    memory=memory_need,
    cores=2,
    duration="seconds for a few proteins, minutes for hundreds against hundreds or one against Swiss-Prot",
    example={
        "query": EXAMPLES / "JAK2_HBB_INS.fa",
        "database": None,
        "targets": EXAMPLES / "human_proteins.fa",
        "evalue": 10.0,
    },
)
def phmmer(job: Job, query: Path, targets: Path | None, evalue: float, database: Database | None = None) -> Result:
    """Search proteins against proteins with HMMER's phmmer.

    The result files are those of `greeter.tools.phmmer.report.Report`.

    Args:
        job: The job.
        query: A FASTA file of the query proteins.
        targets: A FASTA file of the target proteins, or None.
        evalue: The largest E-value of a reported hit: the number of hits at least as good that chance alone is
            expected to give among all targets.
        database: The database to search if there are no targets. None: the queries are also the targets.

    Returns:
        `queries`, `targets`, `query_residues` and `target_residues`: how much was compared. `evalue`: the threshold.
        `hits`, of which `significant` are those that HMMER includes, with an E-value up to 0.01. `without_hits`: the
        number of queries without any. `all_aligned`: whether the page shows the alignments of all hits.
        At the soft time limit, a fallback with the queries that are complete by then.

    Sources:
        Eddy SR (2011) Accelerated Profile HMM Searches, PLoS Comput Biol 7:e1002195.
        Larralde M, Zeller G (2023) PyHMMER, Bioinformatics 39:btad214.
    """
    (queries,) = read_proteins(query)
    searched = None if targets else database
    target_file = targets or (database.path if database else query)
    threads = _threads(job, memory_need(query, targets, evalue, database).bytes) if job.cores > 1 else 1
    found = search(
        queries,
        target_file,
        evalue=evalue,
        number=searched.sequences if searched else None,
        threads=threads,
        folder=job.folder,
        searched=partial(job.at, unit="sequence"),
    )
    with (
        tiny_numbers_are_zero(),
        closing(found),
        closing(Report(job, target_file, searched.name if searched else target_file.name, evalue)) as report,
    ):
        try:
            for one in job.track(found, total=len(queries), unit="query") if len(queries) > 1 else found:
                report.add(one)
            report.end()
            return report.result()
        except SoftTimeLimitExceeded:
            report.end_early(len(queries))
            return job.fallback(report.result())


def _threads(job: Job, need: int) -> int:
    """Return how many comparisons that need these bytes to make at once: one for each core, if the memory suffices."""
    return max(1, min(job.cores, job.memory // need))
