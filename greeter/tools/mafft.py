"""Multiple alignment with the external program mafft. Copy this file to add a tool that runs a program."""

import re
from pathlib import Path

from wtforms import Form
from wtforms.validators import DataRequired

from greeter.toolkit import FastaField, Job, ProgramError, Result, ToolError, measure_sequences, read_fasta, tool
from greeter.tools.clustal import has_nucleotides, write_clustal

STAGES = {"All-to-all": "Comparing", "Making": "Comparing", "Progressive": "Aligning", "Segment": "Refining"}
COUNT = re.compile(r"(?:STEP)? *(\d+) */ *(\d+)\b")
UNKNOWN = "BJOUXZ*"  # residues


class MafftForm(Form):
    """The sequences to align."""

    sequences = FastaField("Sequences", [DataRequired("Paste or upload at least two sequences.")])


@tool(
    "MAFFT multiple alignment",
    form=MafftForm,
    action="Align",
    position=2,
    programs={"mafft": "--version"},
    edam={"operation_0492": "Multiple sequence alignment", "topic_0080": "Sequence analysis"},
    cores=4,
    duration="seconds for up to 50 sequences, minutes for thousands",
    example={"sequences": Path(__file__).parents[2] / "static/examples/globins45.fa"},
)
def mafft(job: Job, sequences: Path) -> Result:
    """Align sequences with each other with MAFFT.

    Returns:
        `sequences` and `columns`: the size of the alignment. `strategy`: the method that MAFFT chose. `nucleotides`:
        whether these are DNA or RNA. `alignment`: the start of alignment.aln without its title. `all_shown`: whether
        this is the whole alignment.
    """
    if measure_sequences(sequences).sequences == 1:
        raise ToolError("There is only one sequence. Add another one to align it with.")

    def follow(line: str) -> None:
        if stage := STAGES.get(line.partition(" ")[0]):  # the first word of a line of its error output
            job.stage(stage)
        elif count := COUNT.match(line):
            job.at(int(count[1]), int(count[2]), "step")

    options = ["--auto", "--anysymbol", "--thread", str(job.cores), "--threadit", "0"]  # 0: always the same result
    try:
        job.run(["mafft", *options, sequences], stdout="alignment.fasta", on_line=follow)
    except ProgramError as error:
        # mafft crashes when it compares two sequences without known residues.
        names = [record.name for record in read_fasta(sequences) if not record.sequence.upper().strip(UNKNOWN)][:2]
        problem = f"mafft cannot compare {' and '.join(map(repr, names))}, because they have only letters such as X."
        raise ToolError(f"{problem} Remove such sequences.") if len(names) > 1 else error from None
    version, strategy = re.findall(r"(?:Version|Strategy:)\s+(\S+)", job.last_lines)[-2:]
    rows = list(read_fasta(job.folder / "outputs/alignment.fasta"))
    job.about("alignment.fasta", "The alignment in FASTA format.")
    with job.open("alignment.aln", "w+", about="The alignment in Clustal format.") as clustal:
        write_clustal(rows, f"MAFFT {strategy} (v{version})", clustal)
        clustal.seek(0)
        shown = {"alignment": clustal.read(50_000).partition("\n\n\n")[2], "all_shown": not clustal.read(1)}
    kind = {"nucleotides": has_nucleotides(rows)}
    return {"sequences": len(rows), "columns": len(rows[0].sequence), "strategy": strategy, **kind, **shown}
