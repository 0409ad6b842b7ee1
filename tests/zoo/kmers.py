"""A small real tool that draws a figure."""

from collections import Counter
from pathlib import Path

from wtforms import Form, IntegerField
from wtforms.validators import DataRequired, InputRequired, NumberRange

from greeter.toolkit import FastaField, Job, Result, read_fasta, tool


class KmersForm(Form):
    """The sequences, and the length of the words."""

    sequences = FastaField("Sequences", [DataRequired()], alphabet="dna")
    k = IntegerField("Length of a word", [InputRequired(), NumberRange(1, 8)], default=3)


@tool("K-mers", form=KmersForm, example={"sequences": ">a\nACGTACGT\n>b\nACGA\n", "k": 2})
def kmers(job: Job, sequences: Path, k: int) -> Result:
    """Count the words of a length in DNA sequences."""
    counts = Counter[str]()
    for record in job.track(list(read_fasta(sequences)), unit="sequence"):
        bases = record.sequence.upper()
        counts.update(bases[start : start + k] for start in range(len(bases) - k + 1))
    top = counts.most_common(40)
    with job.open("kmers.tsv", about="How often each word occurs.") as table:
        table.writelines(f"{word}\t{count}\n" for word, count in [("word", "count"), *counts.most_common()])
    bars = (f'<rect x="{10 * at}" y="{-n}" width="9" height="{n}"/>' for at, (_, n) in enumerate(top))
    with job.open("kmers.svg", about="The 40 most frequent words.") as figure:
        box = f"0 {-top[0][1] if top else 0} 400 {top[0][1] if top else 1}"
        figure.write(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}">{"".join(bars)}</svg>')
    return {"words": len(counts)}
