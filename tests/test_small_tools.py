"""Real tools as a lab would write them. Each is one file in tests/zoo/; the alignment is greeter/tools/mafft.py."""

import re
import subprocess
from pathlib import Path

import pytest

from greeter.toolkit import Job, ToolError
from tests.conftest import Installation, needs
from tests.http import fetch, submit, wait_for_end
from tests.zoo.blastp import COLUMNS, blastp
from tests.zoo.kmers import kmers
from tests.zoo.merge import check_vcf, merge
from tests.zoo.unique import unique

VCF = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


def outputs(folder: Path) -> dict[str, str]:
    """Return the texts of the result files."""
    return {path.name: path.read_text() for path in (folder / "outputs").iterdir()}


def test_words_are_counted_and_drawn(tmp_path: Path) -> None:
    """A table and a figure."""
    (tmp_path / "dna").write_text(">a\nACG\nTACGT\n>b\nACGA\n")
    assert kmers(Job(tmp_path), sequences=tmp_path / "dna", k=2) == {"words": 5}
    files = outputs(tmp_path)
    assert files["kmers.tsv"] == "word\tcount\nAC\t3\nCG\t3\nGT\t2\nTA\t1\nGA\t1\n"
    assert files["kmers.svg"].count("<rect") == 5


def test_variants_of_several_files_are_merged(tmp_path: Path) -> None:
    """Each is listed once, in the order of the positions."""
    row = "chr1\t{}\t.\tA\tG\t.\t.\t.\n"
    (tmp_path / "a.vcf").write_text(VCF + row.format(20) + row.format(3))
    (tmp_path / "b.vcf").write_text(VCF + row.format(20))
    (tmp_path / "genes.tsv").write_text("chr1\t20\tHBB\n")
    job = Job(tmp_path)
    variants = [tmp_path / "a.vcf", tmp_path / "b.vcf"]
    assert merge(job, variants=variants, genes=tmp_path / "genes.tsv") == {"variants": 2}
    _, *rows = outputs(tmp_path)["variants.tsv"].splitlines()
    assert rows == ["chr1\t3\tA\tG\t", "chr1\t20\tA\tG\tHBB"]
    assert job.progress == {"current": 2, "total": 2, "unit": "file"}
    check_vcf(tmp_path / "a.vcf")
    with pytest.raises(ToolError, match="Line 1 has fewer than 8 columns"):
        check_vcf(tmp_path / "genes.tsv")


def test_lines_are_sorted_and_counted_in_two_stages(tmp_path: Path) -> None:
    """The first runs a program, whose output is an intermediate file."""
    (tmp_path / "lines").write_text("b\na\nb\n")
    job = Job(tmp_path, cores=2)
    assert unique(job, lines=tmp_path / "lines") == {"lines": 2}
    assert outputs(tmp_path) == {"_sorted.txt": "a\nb\nb\n", "counts.tsv": "line\tcount\na\t1\nb\t2\n"}
    assert job.progress
    assert job.progress["stage"] == {"name": "Counting", "number": 2, "total": 2}
    assert (tmp_path / "commands").read_text() == "sort --parallel=2 lines  # exit status 0\n"


TARGETS = """>hbb
MVHLTPEEKSAVTALWGKVNVDEVGGEALGRLLVVYPWTQRFFESFGDLSTPDAVMGNPKVKAHGKKVLGAFSDGLAHLDNLKGTFATLSELHCDKLHVDPENFRLLGNVLVCVLAHHFGKEF
>hba
MVLSPADKTNVKAAWGKVGAHAGEYGAEALERMFLSFPTTKTYFPHFDLSHGSAQVKGHGKKVADALTNAVAHVDDMPNALSALSDLHAHKLRVDPVNFKLLSHCLLVTLAAHLPAEFTPAVH
>other
MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQVKVKALPDAQFEVVHSLAKWKRQTLGQHDFSAGEGLYTHMKALRPDEDRLSPLHSVYVDQWDWERVM
"""


@needs("blastp", "ncbi-blast+")
def test_a_search_has_the_hits_that_blast_finds(tmp_path: Path) -> None:
    """There are two stages, each with a program, and the search uses the cores of the job."""
    query, targets, own = (tmp_path / name for name in ("query", "targets", "own"))
    query.write_text("".join(TARGETS.partition(">hba")[:1]))
    targets.write_text(TARGETS)
    job = Job(tmp_path, cores=2)
    assert blastp(job, query=query, targets=targets, evalue=0.001) == {"hits": 2}
    subprocess.run(
        ["makeblastdb", "-in", targets, "-dbtype", "prot", "-out", own], check=True, stdout=subprocess.DEVNULL
    )
    search = ["blastp", "-db", str(own), "-query", str(query), "-evalue", "0.001"]
    found = subprocess.run(
        [*search, "-outfmt", f"6 {' '.join(COLUMNS)}"], check=True, capture_output=True, text=True
    ).stdout
    assert (tmp_path / "outputs/hits.tsv").read_text() == "\t".join(COLUMNS) + "\n" + found
    assert [line.split("\t")[1] for line in found.splitlines()] == ["hbb", "hba"]
    first, second = (tmp_path / "commands").read_text().splitlines()
    assert first == "makeblastdb -in targets -dbtype prot -out _targets  # exit status 0"
    assert "-num_threads 2 " in second
    assert "Adding sequences from FASTA; added 3 sequences" in job.last_lines


@pytest.mark.slow
@needs("blastp", "ncbi-blast+")
def test_the_page_of_a_search_shows_how_it_was_made(installation: Installation) -> None:
    """It has the versions and commands of the programs, their log and the table."""
    job = submit(installation, "blastp", query=TARGETS, targets=TARGETS, evalue="10")
    page = wait_for_end(installation, job)
    for program in ("makeblastdb", "blastp"):
        assert re.search(rf"[ ,]{program} [0-9.]+\+", page), page
        assert re.search(rf"{program} -\w+ .*  # exit status 0", page), page
    assert '<pre tabindex="0" role="group" aria-label="The last lines of the log">Adding sequences' in page
    assert "One line per hit." in page
    assert fetch(installation, f"{job}/files/hits.tsv").body.startswith("qseqid\t")
    assert "_targets" not in re.findall(r"/files/([^\"]+)", page)
