"""Write an alignment in Clustal format, as mafft does with --clustalout."""

from collections.abc import Iterator, Sequence
from typing import IO

from greeter.toolkit import FastaRecord

_COLUMNS = 60  # of the alignment in a block
_NAME = 15  # bytes
# What each mark stands for: letters that are identical, or all in one group.
_NUCLEOTIDES = {"*": list("ACGTU"), ":": ["TU"], ".": ["AG", "CT"]}
_AMINO_ACIDS = {
    "*": list("ACDEFGHIKLMNPQRSTVWY"),
    ":": ["STA", "NEQK", "NHQK", "NDEQ", "QHRK", "MILV", "MILF", "HY", "FYW"],
    ".": ["CSA", "ATV", "SAG", "STNK", "STPA", "SGND", "SNDEQK", "NDEQHK", "NEQHRK", "FVLIM", "HFY"],
}


def has_nucleotides(rows: Sequence[FastaRecord]) -> bool:
    """Return whether more than three quarters of the letters of an alignment are nucleotides."""
    letters = "".join(row.sequence for row in rows).upper().replace("-", "")
    return sum(letters.count(one) for one in "ACGTUN") > 0.75 * len(letters)


def write_clustal(rows: Sequence[FastaRecord], title: str, file: IO[str]) -> None:
    """Write an alignment in Clustal format.

    Args:
        rows: The sequences with gaps, all of the same length.
        title: The end of the first line, such as "MAFFT L-INS-i (v7.505)".
        file: The open file.
    """
    marks = "".join(_marks(rows))
    file.write(f"CLUSTAL format alignment by {title}\n\n")
    for start in range(0, len(marks), _COLUMNS):
        part = slice(start, start + _COLUMNS)
        file.write("\n")
        for row in rows:
            file.write(f"{_padded(row.name)} {row.sequence[part]}\n")
        file.write(f"{'':{_NAME}} {marks[part]}\n")


def _padded(name: str) -> str:
    """Cut or pad a name to the width of MAFFT, which counts bytes."""
    name = name.encode()[:_NAME].decode(errors="ignore")  # MAFFT may cut a character in half
    return name + " " * (_NAME - len(name.encode()))


def _marks(rows: Sequence[FastaRecord]) -> Iterator[str]:
    """Yield a mark for each column: * identical, : very similar, . similar."""
    sequences = [row.sequence.upper() for row in rows]
    groups = _NUCLEOTIDES if has_nucleotides(rows) else _AMINO_ACIDS
    for column in zip(*sequences, strict=True):
        found = set(column)
        yield next((mark for mark, kinds in groups.items() if any(found <= set(kind) for kind in kinds)), " ")
