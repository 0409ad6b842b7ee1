"""The check of FASTA text."""

import io
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from greeter import toolkit
from greeter.toolkit import Job, sequence_files
from greeter.toolkit.alphabets import ALPHABETS
from greeter.toolkit.errors import ToolError
from greeter.toolkit.fasta import FastaCheck, Limits
from greeter.toolkit.sequence_files import (
    Counts,
    FastaRecord,
    count_sequences,
    longest_sequence,
    measure_sequences,
    read_fasta,
)
from greeter.toolkit.text import text_blocks
from tests.conftest import ROOT

LIMITS = Limits(3, 40)
ACCESSION = (
    "looks like an accession of a database, not like a sequence. Download the sequence from there, and paste it."
)
ADDRESS = ACCESSION.replace("an accession of a database", "the address of a page")


def check(text: str, alphabet: str = "protein", limits: Limits = LIMITS, *, gaps: bool = False) -> str:
    """Check a text as a form does, and return the text that the tool gets."""
    checker = FastaCheck(limits, alphabet, gaps=gaps, longest=100_000)
    return "".join(checker.check(text_blocks(io.BytesIO(text.encode()))))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Line 1: there is no record. Start each record with a line such as >name."),
        (" \n\n", "Line 1: there is no record. Start each record with a line such as >name."),
        ("\n\nMKV\n>a\nMKV\n", "Line 3: text before the first header. Start each record with a line such as >name."),
        (">a\nMKV\n> \nMKV", "Line 3: the record has no name"),
        ("\n@read 1\nACGT\n+\nIIII\n", "Line 2: this looks like FASTQ. Convert it to FASTA, and paste or upload the"),
        (">a\nMKV\n\nMK1V\n", "Line 4, record 'a': '1' is not an amino acid. Remove it or replace it with X."),
        (
            ">a\nMK-V\nM?1-KV\n>b\nM9\n",
            "Line 2, record 'a': '-', '?' and '1' are not amino acids. Remove them or replace them with X.",
        ),
        (
            ">a\nMKV\n0123456789,;:!\n",
            "Line 3, record 'a': '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ',', ';' and 2 others are not amino",
        ),
        ("MK1V", "Line 1, record 'query': '1' is not an amino acid"),
        (">a\nMK\u212aV\n", "Line 2, record 'a'"),  # the sign for Kelvin looks like a K, and lower() makes it one
        (">a\nM\u00a0V\n", "Line 2, record 'a': '\\xa0' is not an amino acid"),
        (">a\nMKV\n>b\n\n>c\nMKV", "Line 3, record 'b': the header has no sequence"),
        (">a\nMKV\n>b", "Line 3, record 'b': the header has no sequence"),
        (">a x\nMKV\n>b\nMKV\n>a y\nMKV", "Line 5: the name 'a' is already used in line 1"),
        (">gene\nACGTACGTAC\n", "Line 1, record 'gene': this looks like DNA or RNA"),
        (">gene\nacguacguac\n", "Line 1, record 'gene': this looks like DNA or RNA"),
        (">a\x1b[31m\nMKV", "Line 1: the header has a character that cannot be shown"),
        (
            ">a globin\x01b globin" + "\x01c" * 999 + "\nMKV",
            "Line 1: the header has the titles of several identical sequences, as in nr of NCBI. Keep only the first: "
            r"run sed 's/\x01.*//' on the file.",
        ),
        (">a \u202egpj\nMKV", "Line 1: the header has a character that cannot be shown"),
        (">a\nM\n>b\nM\n>c\nM\n>d\nM\n", "Line 7, record 'd': here the input exceeds the limits of 3 sequences"),
        (">a\nMKV\n>b\n***\n", "Line 3, record 'b': the header has no sequence"),
        (">" + "a" * 1001 + "\nMKV", "Line 1: the header is longer than 1,000 characters"),
        (">" + "a" * 100_000 + "\nMKV", "Line 1: the header is longer than 1,000 characters"),
        (">a\n" + "M" * 100_001, "Line 1, record 'a': the sequence is longer than 100,000 residues"),
        (">a\n" + "MKVLA" * 9, "Line 1, record 'a': here the input exceeds the limits of 3 sequences and 40 residues"),
        ("P68871", f"Line 1: 'P68871' {ACCESSION}"),
        ("\n NP_000509.1 \n", f"Line 2: 'NP_000509.1' {ACCESSION}"),
        ("A0A024R1R8", f"Line 1: 'A0A024R1R8' {ACCESSION}"),
        ("ENSP00000269305", f"Line 1: 'ENSP00000269305' {ACCESSION}"),
        ("4HHB", f"Line 1: '4HHB' {ACCESSION}"),
        ("4hhb_A", f"Line 1: '4hhb_A' {ACCESSION}"),
        ("P68871-2", f"Line 1: 'P68871-2' {ACCESSION}"),
        ("HBB_HUMAN", f"Line 1: 'HBB_HUMAN' {ACCESSION}"),
        ("P68871, P69905", f"Line 1: 'P68871' {ACCESSION}"),
        ("sp|P68871|HBB_HUMAN Hemoglobin", f"Line 1: 'sp|P68871|HBB_HUMAN' {ACCESSION}"),
        ("pdb|4HHB|B", f"Line 1: 'pdb|4HHB|B' {ACCESSION}"),
        ("https://www.uniprot.org/uniprotkb/P68871", f"Line 1: 'https://www.uniprot.org/uniprotkb/P68871' {ADDRESS}"),
        ("rest.uniprot.org/P68871.fasta", f"Line 1: 'rest.uniprot.org/P68871.fasta' {ADDRESS}"),
        ("http://" + "a" * 100, f"Line 1: 'http://{'a' * 73}' {ADDRESS}"),
    ],
)
def test_an_error_names_the_first_invalid_record_and_its_line(text: str, message: str) -> None:
    """Line numbers start at 1, and the message is one or more complete sentences."""
    with pytest.raises(ToolError, match=r"\.$") as raised:
        check(text)
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize(
    ("alphabet", "sequence", "message"),
    [
        ("dna", "ACGTNryswkmbdhvACGTACGT", ""),
        ("dna", "ACEF", "'E' and 'F' are not letters of DNA. Remove them or replace them with N."),
        ("dna", "ACGUu", "'U' and 'u' are not letters of DNA. Remove them or replace them with T."),
        ("rna", "ACGUNACGUACGU", ""),
        ("rna", "ACGT", "'T' is not a letter of RNA. Remove it or replace it with U."),
        ("any", "ACGTACGTACGT", ""),
        ("any", "ACGUACGUACGU", ""),
        ("any", "MKVLAWTRH*", ""),
        ("any", "MK5", "'5' is not a letter of a sequence. Remove it or replace it with X or N."),
    ],
)
def test_each_alphabet_has_its_letters_and_words(alphabet: str, sequence: str, message: str) -> None:
    """The message says what the field takes, and what to write instead."""
    text = f">a\n{sequence}\n"
    if message:
        with pytest.raises(ToolError, match=re.escape(f"Line 2, record 'a': {message}")):
            check(text, alphabet)
    else:
        assert check(text, alphabet) == text


@pytest.mark.parametrize("alphabet", ALPHABETS)
def test_gaps_are_accepted_on_request(alphabet: str) -> None:
    """A sequence of gaps alone is no sequence."""
    text = ">a\n--AC.A\n"
    assert check(text, alphabet, gaps=True) == text
    with pytest.raises(ToolError, match=r"'-' and '\.' are not"):
        check(text, alphabet)
    with pytest.raises(ToolError, match="has no sequence"):
        check(">a\n--.\n", alphabet, gaps=True)


@pytest.mark.parametrize(
    "text",
    [
        ">a\nMKV\n",
        "\n>a b c\r\nMK V\r\n\r\nBJZOUX*\r\n",
        ">a\rMKV\r",
        ">a\tb\nmkv",
        ">\u00e9 \u03b2\nMKV",
        ">a\nGAGAGAGAGAGAGA\n",
    ],
)
def test_valid_text_changes_only_in_its_line_endings(text: str) -> None:
    """All line endings become Unix line endings; everything else stays the same."""
    assert check(text) == text.replace("\r\n", "\n").replace("\r", "\n")


def test_a_single_sequence_needs_no_header() -> None:
    """It is named query, and may have several lines and blanks."""
    assert check("MKV LAW\nTRH\n") == ">query\nMKV LAW\nTRH\n"
    assert check("\n\nMKV\n") == "\n>query\n\nMKV\n"
    assert check("acgtacgtacgt", "dna") == ">query\nacgtacgtacgt"


# Lines from few characters, so that all cases are frequent.
LINES = st.lists(st.one_of(st.sampled_from([">a", ">b", ">", "> c", "", " "]), st.text("MKac*1- >", max_size=4)))


def reference(text: str) -> str | None:
    """Check a text of few records as a whole; return the start of the message, or None if the text is valid."""
    head, *records = re.split("(?m)^>", text)
    if head.strip() and records:
        return "Line"
    if not head.strip() and not records:
        return "Line 1: there is no record"
    if head.strip():
        records = ["query\n" + head]
    seen = set()
    for record in records:
        header, _, body = record.partition("\n")
        if not header.strip():
            return "Line"
        name, sequence = header.split()[0], re.sub(r"\s", "", body)
        if name in seen or not sequence.strip("*-"):
            return "Line"
        if wrong := list(dict.fromkeys(re.findall(r"[^MKacMK*]", sequence))):
            listed = " and ".join(filter(None, [", ".join(map(repr, wrong[:-1])), repr(wrong[-1])]))
            return f"record {name!r}: {listed} "
        seen.add(name)
    return None


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(LINES)
@example(["1111", "1"])
def test_the_check_by_block_agrees_with_a_check_of_the_whole_text(lines: list[str]) -> None:
    """Both accept the same texts, and find the same wrong letters in the same record."""
    text, message = "\n".join(lines), None
    try:
        check(text, limits=Limits(1000, 10_000))
    except ToolError as error:
        message = str(error)
    expected = reference(text)
    assert (message is None) == (expected is None), message
    is_word = "looks like an accession" in str(message)  # if the first one does, such as 1MKA
    assert expected is None or expected in str(message) or is_word


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(LINES, st.integers(1, 40), st.integers(1, 5))
def test_the_size_of_blocks_makes_no_difference(lines: list[str], size: int, number: int) -> None:
    """A block has some lines, or a part of a line of a sequence."""
    text = "\n".join([">first", "MKV", *lines])
    whole = text.splitlines(keepends=True)
    joined = ["".join(whole[start : start + number]) for start in range(0, len(whole), number)]
    cut = [part for line in whole for part in ([line] if line[0] == ">" else re.findall(f"(?s).{{1,{size}}}", line))]
    assert outcome([text]) == outcome(joined) == outcome(cut)


def outcome(blocks: list[str]) -> str:
    """Return the checked text, or the message of the error."""
    try:
        return "".join(FastaCheck(Limits(1000, 10_000)).check(blocks))
    except ToolError as error:
        return str(error)


@pytest.mark.parametrize("block", [1, 2, 3, 5, 1000])
def test_sequences_are_counted_and_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    """A block may end in a sequence, in a header, or before one, and the first may have blank lines."""
    monkeypatch.setattr(sequence_files, "_BLOCK", block)
    path = tmp_path / "some.fa"
    path.write_text("\n\n>a x > y\nMKV\nM K\n>b\nMKVLAWT\n\n>c\nM\tKVLAW\nT\n>d\nM")
    assert count_sequences(path) == 4
    assert longest_sequence(path) == ("b", 7)
    assert measure_sequences(path) == Counts(sequences=4, residues=20, longest=7)


def test_the_records_of_what_a_field_accepts_are_read(tmp_path: Path) -> None:
    """Sequences have no blanks and line ends, headers keep a > and what is before their last blank."""
    path = tmp_path / "some.fa"
    path.write_text(check("\r\n\r\n>a x > y\r\nmkv \nM K\n\n> b\t1 \nMKVLAWT\n>\u00e9\nM\tK*"))
    records = list(read_fasta(path))
    assert records == [
        FastaRecord("a x > y", "mkvMK"),
        FastaRecord("b\t1", "MKVLAWT"),
        FastaRecord("\u00e9", "MK*"),
    ]
    assert [record.name for record in records] == ["a", "b", "\u00e9"]
    path.write_text(check("MKV\nLAW"))
    assert list(read_fasta(path)) == [FastaRecord("query", "MKVLAW")]


def test_the_loop_in_the_docs_works(tmp_path: Path) -> None:
    """It reads each record, and shows how many there are."""
    (loop,) = re.findall(r"^for record in .*\n    .*", (ROOT / "docs/developing.md").read_text(), re.MULTILINE)
    path = tmp_path / "some.fa"
    path.write_text(">a one\nMK V\n\n>b\nMKVLAWT\n")
    job, lengths = Job(tmp_path), dict[str, int]()
    exec(loop, vars(toolkit) | {"job": job, "sequences": path, "lengths": lengths})
    assert lengths == {"a": 3, "b": 7}
    assert job.progress == {"current": 2, "total": 2, "unit": "sequence"}
