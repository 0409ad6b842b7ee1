"""A small real tool with two stages, the first of which runs a program."""

from pathlib import Path

from wtforms import Form
from wtforms.validators import DataRequired

from greeter.toolkit import FileField, Job, Result, tool


class UniqueForm(Form):
    """The lines."""

    lines = FileField("Lines", [DataRequired()], paste=True)


@tool("Unique lines", form=UniqueForm, programs={"sort": "--version"}, cores=2, example={"lines": "b\na\nb\n"})
def unique(job: Job, lines: Path) -> Result:
    """Sort lines, and count how often each occurs."""
    job.stage("Sorting", 1, 2)
    job.run(["sort", f"--parallel={job.cores}", lines], stdout="_sorted.txt")
    job.stage("Counting", 2, 2)
    counts: dict[str, int] = {}
    with job.open("_sorted.txt", "r") as file:
        for line in job.track(file, unit="line"):
            counts[line.strip()] = counts.get(line.strip(), 0) + 1
    with job.open("counts.tsv", about="Each line once, with its number.") as table:
        table.writelines(f"{line}\t{count}\n" for line, count in [("line", "count"), *counts.items()])
    return {"lines": len(counts)}
