"""Read, count and measure files of sequences that were checked."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_BLOCK = 2**16  # bytes that are read at a time
_START = re.compile(rb"\n>")  # of a record; twice as fast as bytes.count and bytes.split, which look for two characters


class FastaRecord(NamedTuple):
    """A record of a FASTA file."""

    header: str  # without the > before it
    sequence: str  # without blanks and line ends

    @property
    def name(self) -> str:
        """The first word of the header."""
        return self.header.split(maxsplit=1)[0]


def read_fasta(path: Path) -> Iterator[FastaRecord]:
    """Read a checked FASTA file, of which only one record at a time is in memory.

    Args:
        path: The path of the file: what a `FastaField` has, or what a program wrote.

    Yields:
        The records in their order.
    """
    header, parts = "", list[str]()
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.startswith(">"):
                if header:
                    yield FastaRecord(header, "".join(parts))
                header, parts = line[1:].strip(), []
            else:
                parts += line.split()
    if header:
        yield FastaRecord(header, "".join(parts))


def count_sequences(path: Path) -> int:
    """Count the records of a checked FASTA file, without holding it in memory.

    Args:
        path: The path of the file: what a `FastaField` has.

    Returns:
        The number of records.
    """
    return sum(len(_START.findall(block)) for block in _blocks(path))


def longest_sequence(path: Path) -> tuple[str, int]:
    """Find the longest sequence of a checked FASTA file.

    Args:
        path: The path of the file: what a `FastaField` has.

    Returns:
        The name of the record, the first if several are as long, and the length of its sequence in residues.
    """
    *_, (header, length) = _lengths(path, growing=True)
    return header.split(maxsplit=1)[0].decode(), length


def count_reads(path: Path) -> int:
    """Count the reads of a checked FASTQ file.

    Args:
        path: The path of the file: what a `FastqField` has.

    Returns:
        The number of reads.
    """
    with path.open("rb") as file:
        return sum(1 for _ in file) // 4


class Counts(NamedTuple):
    """How much there is in a file of sequences. Lengths are in residues."""

    sequences: int
    residues: int
    longest: int


def measure_sequences(path: Path) -> Counts:
    """Count the sequences of a checked FASTA file.

    Args:
        path: The path of the file.

    Returns:
        The number of records, of all their residues, and of those of the longest record.
    """
    sequences = residues = longest = 0
    for _, length in _lengths(path):
        sequences, residues, longest = sequences + 1, residues + length, max(longest, length)
    return Counts(sequences, residues, longest)


def _lengths(path: Path, *, growing: bool = False) -> Iterator[tuple[bytes, int]]:
    """Yield the header of each record without its first character, and the length of its sequence in residues.

    Args:
        path: The path of the file.
        growing: Whether to yield only records that are longer than all before them. Most others are not even counted.
    """
    header, length, longest = b"", -1, -1  # there is no record before the first header
    for block in _blocks(path):
        rest, *records = _START.split(block)
        length += _residues(rest)
        for record in records:
            if length > longest:
                yield header, length
                longest = length if growing else -1
            if len(record) <= longest and record is not records[-1]:  # which may go on in the next block
                length = -1
                continue
            header, _, sequence = record.partition(b"\n")
            length = _residues(sequence)
    if length > longest:
        yield header, length


def _residues(sequence: bytes) -> int:
    return len(sequence.translate(None, b" \t\n"))


def _blocks(path: Path) -> Iterator[bytes]:
    r"""Yield a checked FASTA file in blocks, none of which cuts a header. Each record in them starts with b"\n>"."""
    with path.open("rb") as file:
        rest = b"\n"
        while read := file.read(_BLOCK):
            block = rest + read
            end = block.rfind(b"\n")
            rest = block[end:] if block[end : end + 2] in (b"\n", b"\n>") else b""
            yield block.removesuffix(rest)
        yield rest
