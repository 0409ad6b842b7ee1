"""The alignment with mafft, compared with what the program itself writes."""

import gzip
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from greeter.toolkit import Job, ProgramError, ToolError
from greeter.tools.mafft import mafft
from tests.conftest import Installation, needs
from tests.http import fetch, submit, wait_for_end

pytestmark = needs("mafft", "mafft")

EXAMPLE = mafft.example["sequences"]
PROTEINS = ">one\nMKVLAWTRHXBZSTMILVHYFWNEQKQ\n>two\nmkilawtkhxbestmvlvhfwynqekr\n>tri\nMKLLSWSRHUO*KTSVIMIYHYFDKNR\n"
NAMES = ">日本 é\nMKVLAW\n>日本語日本\nMKVLAW\n>é\nMKILAW\n"
DNA = ">a b c\nACGTACGTTTGACCAGN\n>a_name_of_more_than_fifteen_letters\nACGTACGATTGACCATT\n>c|d\nACGTNCGGTTGACT\n"


def own_output(sequences: Path, *options: str) -> bytes:
    """Return what mafft writes with the options of the tool and these."""
    command = ["mafft", "--auto", "--anysymbol", "--threadit", "0", *options, str(sequences)]
    return subprocess.run(command, check=True, capture_output=True).stdout


@pytest.mark.parametrize(
    "text",
    [pytest.param(EXAMPLE.read_text(), marks=pytest.mark.slow), PROTEINS, NAMES, DNA, DNA.replace("T", "U").lower()],
)
def test_both_files_are_what_mafft_writes(tmp_path: Path, text: str) -> None:
    """They are the same byte for byte, whatever the number of cores."""
    sequences = tmp_path / "sequences"
    sequences.write_text(text)
    job = Job(tmp_path, cores=2)
    result = mafft(job, sequences=sequences)
    assert (tmp_path / "outputs/alignment.fasta").read_bytes() == own_output(sequences)
    clustal = (tmp_path / "outputs/alignment.aln").read_bytes()
    assert clustal == own_output(sequences, "--clustalout")
    assert clustal.decode().endswith("\n\n\n" + result["alignment"])
    assert (result["sequences"], result["strategy"], result["all_shown"]) == (text.count(">"), "L-INS-i", True)
    assert result["nucleotides"] == (text.lower().count("acg") > 2)
    assert "mafft --auto --anysymbol --thread 2 --threadit 0 sequences" in (tmp_path / "commands").read_text()


def test_progress_and_stages_come_from_the_output_of_mafft(tmp_path: Path) -> None:
    """The stages are those of the strategy, and each counts its steps."""
    seen: list[tuple[str, int | None]] = []

    class Watched(Job):
        def at(self, done: int, total: int | None = None, unit: str = "step") -> None:
            super().at(done, total, unit)
            seen.append((self.progress["stage"]["name"], total))

    mafft(Watched(tmp_path), sequences=EXAMPLE)
    assert [*dict.fromkeys(name for name, _ in seen)] == ["Comparing", "Aligning"]
    assert ("Aligning", 44) in seen


@pytest.mark.parametrize("text", [">a\nMKV\n", "\n>a\nMKV\n"])
def test_one_sequence_is_an_error_of_the_user(tmp_path: Path, text: str) -> None:
    """It cannot be aligned."""
    (tmp_path / "one").write_text(text)
    with pytest.raises(ToolError, match="Add another one"):
        mafft(Job(tmp_path), sequences=tmp_path / "one")


@pytest.mark.parametrize(
    "text", [">a\nXX\nX*\n>b\nXXX\n", ">a\nJOJ\n>b\nUX\n>c\nMKV\n", ">a \nBB\n> b c\nzz"], ids=["X", "O", "B"]
)
def test_sequences_without_known_residues_are_an_error_of_the_user(tmp_path: Path, text: str) -> None:
    """The program crashes when it compares two of them, and the message names them."""
    (tmp_path / "unknown").write_text(text)
    with pytest.raises(
        ToolError, match=r"mafft cannot compare '[ab]' and '[bc]', because .* Remove such sequences\."
    ) as error:
        mafft(Job(tmp_path), sequences=tmp_path / "unknown")
    assert "MKV" not in str(error.value)


@pytest.mark.parametrize("text", [">a\nXXX\n>b\nMKV\n", ">a\nNNN\n>b\nNN\n", ">a\nUUU\n>b\nUU\n", ">a\nM\n>b\nM\n"])
def test_what_the_program_can_align_is_aligned(tmp_path: Path, text: str) -> None:
    """One sequence without known residues is no problem, nor are N, U in RNA, and single residues."""
    (tmp_path / "few").write_text(text)
    mafft(Job(tmp_path), sequences=tmp_path / "few")
    assert (tmp_path / "outputs/alignment.fasta").read_bytes() == own_output(tmp_path / "few")


def test_other_failures_of_the_program_are_shown_as_they_are(tmp_path: Path) -> None:
    """Here it cannot write its files."""
    (tmp_path / "two").write_text(">a\nXXX\n>b\nMKV\n")

    class Full(Job):
        def run(self, *args: Any, **options: Any) -> None:
            super().run(*args, **{**options, "file_size": 10})

    with pytest.raises(ProgramError):
        mafft(Full(tmp_path), sequences=tmp_path / "two")


@pytest.mark.slow
def test_the_example_runs_from_form_to_downloads(installation: Installation) -> None:
    """The page shows the alignment, how it was made, and both files."""
    job = submit(installation, "mafft", sequences=EXAMPLE.read_text())
    page = wait_for_end(installation, job)
    assert "45 sequences in 154 columns, aligned with the strategy L-INS-i." in page
    assert "MYG_HORSE       G-LSDGEWQQVLNVWGKVEADIAGHGQEVLIRLFTGHPETLEKFDKFKHLKTEAEMKASE" in re.sub(
        "</?i[^>]*>", "", page
    )
    assert re.search(r"mafft --auto --anysymbol --thread \d --threadit 0 sequences  # exit status 0", page)
    version = subprocess.run(["mafft", "--version"], check=True, capture_output=True, text=True).stderr.strip()
    assert f"mafft {version}" in page
    assert "<span>The alignment in FASTA format.</span>" in page
    assert "<span>The alignment in Clustal format.</span>" in page
    assert fetch(installation, job + "/files/alignment.fasta").raw == own_output(EXAMPLE)
    assert fetch(installation, job + "/files/alignment.aln").raw == own_output(EXAMPLE, "--clustalout")


@pytest.mark.slow
def test_dna_in_a_gzip_file_is_aligned(installation: Installation, tmp_path: Path) -> None:
    """The form takes DNA, RNA or protein, and unpacks it."""
    (tmp_path / "dna").write_text(DNA)
    head = b'--cut\r\nContent-Disposition: form-data; name="sequences"; filename="dna.fa.gz"\r\n\r\n'
    body = head + gzip.compress(DNA.encode()) + b"\r\n--cut--\r\n"
    multipart = {"Content-Type": "multipart/form-data; boundary=cut"}
    job = str(fetch(installation, "/tools/mafft", "POST", body, **multipart).headers["Location"])
    assert "3 sequences in 17 columns" in wait_for_end(installation, job)
    assert fetch(installation, job + "/files/alignment.fasta").raw == own_output(tmp_path / "dna")
