"""What files of sequences have, after they were checked."""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple


def count_sequences(path: Path) -> int:
    """Count the records of a checked FASTA file."""
    with path.open("rb") as file:
        return sum(line.startswith(b">") for line in file)


def longest_sequence(path: Path) -> tuple[str, int]:
    """Find the longest sequence of a checked FASTA file.

    Args:
        path: The path of the file: what a `FastaField` has.

    Returns:
        The name of the record, and the length of its sequence in residues.
    """
    header, length = max(_lengths(path), key=itemgetter(1))
    return header[1:].split(maxsplit=1)[0].decode(), length


def count_reads(path: Path) -> int:
    """Count the reads of a checked FASTQ file."""
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


def _lengths(path: Path) -> Iterator[tuple[bytes, int]]:
    """Yield the header of each record, and the length of its sequence in residues."""
    header, length = b"", 0
    with path.open("rb") as file:
        for line in file:
            if line.startswith(b">"):
                if header:
                    yield header, length
                header, length = line, 0
            else:
                length += len(line.translate(None, b" \t\n"))
    if header:
        yield header, length
