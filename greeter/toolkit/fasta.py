"""Check sequences in FASTA format, line by line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypedDict

from greeter.toolkit.errors import ToolError

_LONGEST_HEADER = 1000  # characters
_SHORTEST_NUCLEOTIDES = 10  # letters: fewer that look like DNA may well be a peptide
_BLANKS = str.maketrans("", "", " \t\n")
# UniProt, RefSeq and Ensembl, GenBank, PDB.
_ACCESSION = re.compile(
    r"[OPQ]\d[A-Z\d]{3}\d|[A-NR-Z]\d([A-Z][A-Z\d]{2}\d){1,2}|[A-Z]{2,4}_?\d{5,}(\.\d+)?|[A-Z]\d{5}(\.\d+)?|\d[A-Z\d]{3}",
    re.IGNORECASE,
)


class FastaError(ToolError):
    """Invalid FASTA text. The message names the line and the record, and ends in what to do."""


class Limits(TypedDict):
    """The limits of one input."""

    records: int
    residues: int  # in all records together


class Alphabet(NamedTuple):
    """The letters of a kind of sequence, in upper case, with words for messages about other letters."""

    letters: str
    one: str
    many: str
    advice: str  # what replaces a wrong letter
    other: str = ""  # what the other nucleic acid has instead of the last letter


_PROTEIN = "ABCDEFGHIKLMNPQRSTVWYZJOUX*"  # that of HMMER's Easel library: 20 amino acids, B J Z O U X, * for a stop
_AMBIGUOUS = "RYSWKMBDHVN"
ALPHABETS = {
    "protein": Alphabet(_PROTEIN, "an amino acid", "amino acids", "X"),
    "dna": Alphabet(_AMBIGUOUS + "ACGT", "a letter of DNA", "letters of DNA", "N", "U"),
    "rna": Alphabet(_AMBIGUOUS + "ACGU", "a letter of RNA", "letters of RNA", "N", "T"),
    "any": Alphabet(_PROTEIN, "a letter of a sequence", "letters of sequences", "X or N"),
}


@dataclass
class _Record:
    line: int  # of the header, counted from 1
    name: str
    is_bare: bool = False  # without a header
    length: int = 0
    letters: set[str] = field(default_factory=set)
    wrong: dict[str, int] = field(default_factory=dict)  # the lines of the wrong letters

    def error(self, problem: str, line: int | None = None) -> FastaError:
        return FastaError(f"Line {line or self.line}, record {self.name!r}: {problem}")


class FastaCheck:
    """A check of sequences in FASTA format.

    Args:
        limits: The maximum number of records, and of residues in all of them together.
        alphabet: The kind of sequence: a key of ALPHABETS.
        gaps: Whether - and . are accepted.
        longest: The maximum length of a sequence in residues, or None.
    """

    def __init__(
        self, limits: Limits, alphabet: str = "protein", *, gaps: bool = False, longest: int | None = None
    ) -> None:
        self._limits, self._longest = limits, longest
        self._alphabet, self._is_protein = ALPHABETS[alphabet], alphabet == "protein"
        letters = self._alphabet.letters + self._alphabet.letters.lower() + "-." * gaps
        self._legal = str.maketrans("", "", letters)
        self._no_residues = set("*-.")
        self._line_of: dict[str, int] = {}
        self._residues = 0
        self._record: _Record | None = None

    def check(self, pieces: Iterable[str]) -> Iterator[str]:
        """Check a text.

        Args:
            pieces: Its lines, or parts of long lines, as `text_pieces` yields them.

        Yields:
            The pieces as they were. A single sequence without a header gets the header `>query`.

        Raises:
            FastaError: A record is missing, invalid, of another kind, or beyond a limit. The message names the first
                such record and its line, counted from 1.
        """
        number, starts_line, is_header = 0, True, False
        for piece in pieces:
            number += starts_line
            is_header = piece.startswith(">") if starts_line else is_header
            if is_header and starts_line:
                self._start(number, piece[1:].removesuffix("\n"))
            elif not is_header and (sequence := piece.translate(_BLANKS)):
                if self._record is None:
                    _refuse_accession(number, sequence)
                    self._record = _Record(number, "query", is_bare=True)
                    yield ">query\n"
                self._add(number, sequence)
            starts_line = piece.endswith("\n")
            yield piece
        if self._record is None:
            raise FastaError("Line 1: there is no record. Start each record with a line such as >name.")
        self._end_record(self._record)

    def _start(self, line: int, header: str) -> None:
        if self._record:
            if self._record.is_bare:
                problem = f"Line {self._record.line}: text before the first header."
                raise FastaError(f"{problem} Start each record with a line such as >name.")
            self._end_record(self._record)
        _check_header(line, header)
        name = header.split(maxsplit=1)[0]
        if name in self._line_of:
            problem = f"Line {line}: the name {name!r} is already used in line {self._line_of[name]}."
            raise FastaError(f"{problem} Give each record a unique name.")
        self._line_of[name] = line
        self._record = _Record(line, name)

    def _add(self, line: int, sequence: str) -> None:
        """Add a piece of a sequence without blanks to the record."""
        assert self._record
        record = self._record
        for letter in sequence.translate(self._legal):
            record.wrong.setdefault(letter, line)
        record.length += len(sequence)
        record.letters.update(sequence)
        if self._longest and record.length > self._longest and not record.wrong:
            raise record.error(f"the sequence is longer than {self._longest:,} residues. Split it into parts.")

    def _end_record(self, record: _Record) -> None:
        if not record.letters - self._no_residues:
            raise record.error("the header has no sequence. Add one, or remove the record.")
        if record.wrong:
            raise record.error(self._wrong_letters(list(record.wrong)), min(record.wrong.values()))
        if self._is_protein and _looks_like_nucleotides(record):
            raise record.error("this looks like DNA or RNA. Translate it into protein first.")
        self._residues += record.length
        if len(self._line_of) > self._limits["records"] or self._residues > self._limits["residues"]:
            raise record.error(
                f"here the input exceeds the limits of {self._limits['records']:,} sequences "
                f"and {self._limits['residues']:,} residues. Split it into several jobs."
            )

    def _wrong_letters(self, wrong: list[str]) -> str:
        letters, one, many, advice, other = self._alphabet
        if {letter.upper() for letter in wrong} == {other}:
            advice = letters[-1]
        if len(wrong) == 1:
            return f"{wrong[0]!r} is not {one}. Remove it or replace it with {advice}."
        listed = ", ".join(map(repr, wrong[:-1])) + f" and {wrong[-1]!r}"
        return f"{listed} are not {many}. Remove them or replace them with {advice}."


def count_sequences(path: Path) -> int:
    """Count the records of a checked FASTA file.

    Args:
        path: The path of the file.

    Returns:
        The number of records.
    """
    with path.open("rb") as file:
        return sum(line.startswith(b">") for line in file)


def longest_sequence(path: Path) -> tuple[str, int]:
    """Find the longest sequence of a checked FASTA file.

    Args:
        path: The path of the file: what a `FastaField` has.

    Returns:
        The name of the record, and the length of its sequence in residues.
    """
    longest = (b"", 0)
    name, length = b"", 0
    with path.open("rb") as file:
        for line in file:
            if line.startswith(b">"):
                name, length = line[1:].split(maxsplit=1)[0], 0
            else:
                length += len(line.translate(None, b" \t\n"))
                longest = max(longest, (name, length), key=lambda found: found[1])
    return longest[0].decode(), longest[1]


def _check_header(line: int, header: str) -> None:
    if not header.strip():
        raise FastaError(f"Line {line}: the record has no name. Write one directly after the >.")
    if len(header) > _LONGEST_HEADER:
        raise FastaError(f"Line {line}: the header is longer than {_LONGEST_HEADER:,} characters. Shorten it.")
    if not header.replace("\t", " ").isprintable():
        raise FastaError(f"Line {line}: the header has a character that cannot be shown. Retype the header.")


def _refuse_accession(line: int, text: str) -> None:
    if _ACCESSION.fullmatch(text):
        problem = f"Line {line}: {text!r} looks like an accession of a database, not like a sequence."
        raise FastaError(f"{problem} Download the sequence from there, and paste it.")


def _looks_like_nucleotides(record: _Record) -> bool:
    letters = {letter.upper() for letter in record.letters}
    only_nucleotides = letters <= set("ACGTUN") and letters >= set("ACG") and bool(letters & set("TU"))
    return only_nucleotides and record.length >= _SHORTEST_NUCLEOTIDES
