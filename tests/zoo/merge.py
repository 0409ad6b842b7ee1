"""A small real tool that takes several files of its own kinds."""

from pathlib import Path

from wtforms import Form
from wtforms.validators import DataRequired

from greeter.toolkit import FileField, FilesField, Job, Result, ToolError, tool


def check_vcf(path: Path) -> None:
    """Refuse a file that is not VCF."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.startswith("#") and line.count("\t") < 7:
            raise ToolError(f"Line {number} has fewer than 8 columns. Choose a VCF file.")


class MergeForm(Form):
    """The variants, and a table with the gene of each position."""

    variants = FilesField("Variants", [DataRequired()], suffixes=[".vcf"], check=check_vcf)
    genes = FileField("Genes", [DataRequired()], suffixes=[".tsv"], description="Chromosome, position, gene.")


@tool("Merge variants", form=MergeForm)
def merge(job: Job, variants: list[Path], genes: Path) -> Result:
    """Merge VCF files, with the gene of each variant."""
    gene_at = dict(line.rsplit("\t", 1) for line in genes.read_text().splitlines())
    found = set()
    for path in job.track(variants, unit="file"):
        rows = (line.split("\t") for line in path.read_text().splitlines() if not line.startswith("#"))
        found |= {(row[0], int(row[1]), row[3], row[4]) for row in rows}
    with job.open("variants.tsv", about="Each variant once, with its gene.") as table:
        table.write("chromosome\tposition\treference\tvariant\tgene\n")
        for place, position, *bases in sorted(found):
            print(place, position, *bases, gene_at.get(f"{place}\t{position}", ""), sep="\t", file=table)
    return {"variants": len(found)}
