"""Check protein sequences in FASTA format."""

from __future__ import annotations

import re
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple, TypedDict

LONGEST_SEQUENCE = 100_000  # residues: the limit of HMMER's search pipeline
_LONGEST_HEADER = 1000  # characters
_SHORTEST_NUCLEOTIDES = 10  # letters: fewer that look like DNA may well be a peptide

# The amino acid alphabet of HMMER's Easel library: 20 amino acids, B J Z O U X, and * for a stop; no gaps.
_NOT_PROTEIN = re.compile("[^ACDEFGHIKLMNPQRSTVWYBJZOUXacdefghiklmnpqrstvwybjzoux*]")
_BLANKS = str.maketrans("", "", " \t")


class FastaError(ValueError):
    """Invalid protein FASTA text. The message names the line and the record, and ends in what to do."""


class Limits(TypedDict):
    """The limits of one input."""

    records: int
    residues: int  # in all records together


class _Record(NamedTuple):
    line: int  # of the header, counted from 1
    header: str  # without the >
    body: list[str]  # the lines below the header

    @property
    def name(self) -> str:
        return self.header.split(maxsplit=1)[0]

    @property
    def sequence(self) -> str:
        return "".join(self.body).translate(_BLANKS)

    def error(self, problem: str, line: int | None = None) -> FastaError:
        return FastaError(f"Line {line or self.line}, record {self.name!r}: {problem}")


def check_proteins(text: str, limits: Limits) -> bytes:
    """Check protein sequences in FASTA format.

    Args:
        text: FASTA text with any kind of line ending.
        limits: The maximum number of records, and of residues in all of them together.

    Returns:
        The text with Unix line endings, encoded as UTF-8 and otherwise unchanged.

    Raises:
        FastaError: A record is missing, invalid, not protein, or beyond a limit. The message names the first such
            record and its line, counted from 1.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    line_of: dict[str, int] = {}
    residues = 0
    for record in _records(lines):
        _check_header(record)
        if record.name in line_of:
            raise FastaError(
                f"Line {record.line}: the name {record.name!r} is already used in line {line_of[record.name]}. "
                "Give each record a unique name."
            )
        line_of[record.name] = record.line
        residues += _check_sequence(record)
        if len(line_of) > limits["records"] or residues > limits["residues"]:
            raise record.error(
                f"here the input exceeds the limits of {limits['records']:,} sequences "
                f"and {limits['residues']:,} residues. Split it into several jobs."
            )
    return "\n".join(lines).encode()


def longest_sequence(source: bytes | Path) -> tuple[str, int]:
    """Find the longest sequence of a checked FASTA text.

    Args:
        source: The text, or the path of a file with it: what a `ProteinFastaField` has.

    Returns:
        The name of the record, and the length of its sequence in residues.
    """
    text = source if isinstance(source, bytes) else source.read_bytes()
    records = (record.partition(b"\n") for record in (b"\n" + text).split(b"\n>")[1:])
    lengths = ((len(body.translate(None, b" \t\n")), header) for header, _, body in records)
    length, header = max(lengths, key=itemgetter(0))
    return header.split(maxsplit=1)[0].decode(), length


def _records(lines: list[str]) -> Iterator[_Record]:
    headers = [index for index, line in enumerate(lines) if line.startswith(">")]
    first = headers[0] if headers else len(lines)
    stray = next((index for index, line in enumerate(lines[:first]) if line.strip()), None)
    if stray is not None or not headers:
        problem = "there is no record" if stray is None else "text before the first header"
        raise FastaError(f"Line {(stray or 0) + 1}: {problem}. Start each record with a line such as >name.")
    for index, end in zip(headers, [*headers[1:], len(lines)], strict=True):
        yield _Record(index + 1, lines[index][1:], lines[index + 1 : end])


def _check_header(record: _Record) -> None:
    if not record.header.strip():
        raise FastaError(f"Line {record.line}: the record has no name. Write one directly after the >.")
    if len(record.header) > _LONGEST_HEADER:
        raise FastaError(f"Line {record.line}: the header is longer than {_LONGEST_HEADER:,} characters. Shorten it.")
    if not record.header.replace("\t", " ").isprintable():
        raise FastaError(f"Line {record.line}: the header has a character that cannot be shown. Retype the header.")


def _check_sequence(record: _Record) -> int:
    """Check the sequence of a record, and return its length in residues."""
    sequence = record.sequence
    if not sequence.strip("*"):
        raise record.error("the header has no sequence. Add one, or remove the record.")
    if len(sequence) > LONGEST_SEQUENCE:
        raise record.error(f"the sequence is longer than {LONGEST_SEQUENCE:,} residues. Split it into parts.")
    if _NOT_PROTEIN.search(sequence):
        _raise_wrong_letter(record)
    if _looks_like_nucleotides(sequence):
        raise record.error("this looks like DNA or RNA. Translate it into protein first.")
    return len(sequence)


def _raise_wrong_letter(record: _Record) -> None:
    for number, line in enumerate(record.body, record.line + 1):
        if wrong := _NOT_PROTEIN.search(line.translate(_BLANKS)):
            raise record.error(f"{wrong[0]!r} is not an amino acid. Remove it or replace it with X.", number)


def _looks_like_nucleotides(sequence: str) -> bool:
    letters = set(sequence.upper())
    only_nucleotides = letters <= set("ACGTUN") and letters >= set("ACG") and bool(letters & set("TU"))
    return only_nucleotides and len(sequence) >= _SHORTEST_NUCLEOTIDES
