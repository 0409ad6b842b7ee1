"""A small real tool with two stages, each of which runs a program on several cores."""

from pathlib import Path

from wtforms import FloatField, Form
from wtforms.validators import DataRequired, InputRequired, NumberRange

from greeter.toolkit import FastaField, Job, Result, tool

COLUMNS = ["qseqid", "sseqid", "pident", "length", "evalue", "bitscore"]  # see `blastp -help`, -outfmt


class BlastpForm(Form):
    """The proteins to compare."""

    query = FastaField("Query proteins", [DataRequired()], alphabet="protein")
    targets = FastaField("Target proteins", [DataRequired()], alphabet="protein")
    evalue = FloatField("Maximum E-value", [InputRequired(), NumberRange(min=1e-200, max=1000)], default=0.001)


@tool(
    "BLAST protein search",
    form=BlastpForm,
    programs={"makeblastdb": "-version", "blastp": "-version"},
    cores=2,
    example={"query": ">q\nMVHLTPEEKSAVTALWGKVNVDEVGGEAL\n", "targets": ">t\nMVHLTPEEKSAVTALWGKVNVDEVGGEAL\n"},
)
def blastp(job: Job, query: Path, targets: Path, evalue: float) -> Result:
    """Search proteins in other proteins with NCBI BLAST."""
    job.stage("Indexing the targets", 1, 2)

    def show(line: str) -> None:
        if line.startswith("Adding sequences"):  # others have paths of this machine
            job.log(line)

    into = ["-dbtype", "prot", "-out", "_targets"]
    job.run(["makeblastdb", "-in", targets, *into], on_line=show, lines="stdout")
    job.stage("Searching", 2, 2)
    options = ["-evalue", str(evalue), "-num_threads", str(job.cores), "-outfmt", " ".join(["6", *COLUMNS])]
    job.run(["blastp", "-db", "_targets", "-query", query, *options], stdout="_hits.tsv")
    with job.open("_hits.tsv", "r") as found, job.open("hits.tsv", about="One line per hit.") as table:
        rows = found.readlines()
        table.writelines(["\t".join(COLUMNS) + "\n", *rows])
    return {"hits": len(rows)}
