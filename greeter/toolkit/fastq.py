"""Check reads in FASTQ format, line by line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from greeter.toolkit.errors import ToolError

_LONGEST_LINE = 5_000_000  # characters: longer than any read of a sequencer
_MOST_EMPTY_LINES = 1000
_NOT_BASE = re.compile("[^ACGTURYSWKMBDHVNacgturyswkmbdhvn.*]")
_NOT_QUALITY = re.compile("[^!-~]")


class FastqError(ToolError):
    """Invalid FASTQ text. The message names the line and the read, and ends in what to do."""


def check_fastq(pieces: Iterable[str]) -> Iterator[str]:
    """Check reads in FASTQ format, each of which has four lines.

    Args:
        pieces: The lines of the text, or parts of long lines, as `text_pieces` yields them.

    Yields:
        The lines, without empty ones at the end.

    Raises:
        FastqError: There is no read, or one is invalid. The message names its line, counted from 1.
    """
    read: list[str] = []
    number = 0
    for number, line in enumerate(_lines(pieces), 1):
        read.append(line)
        if len(read) == 1 and not line.strip():
            raise FastqError(f"Line {number}: there is an empty line where a read should start. Remove it.")
        if len(read) == 4:
            _check_read(number - 3, *read)
            yield from (f"{line}\n" for line in read)
            read.clear()
    if read or not number:
        problem = f"Line {number or 1}: the file ends in the middle of a read." if read else "Line 1: there is no read."
        raise FastqError(f"{problem} Give each read four lines: @name, bases, +, qualities.")


def _lines(pieces: Iterable[str]) -> Iterator[str]:
    """Join pieces to lines without their endings. Empty lines at the end are left out."""
    line, empty = "", 0
    for piece in pieces:
        line += piece
        if len(line) > _LONGEST_LINE:
            raise FastqError(f"A line is longer than {_LONGEST_LINE:,} characters. Check that this is a FASTQ file.")
        if not line.endswith("\n"):
            continue
        if line == "\n":
            if (empty := empty + 1) > _MOST_EMPTY_LINES:  # a small gzip file may have billions of them
                raise FastqError(f"There are more than {_MOST_EMPTY_LINES:,} empty lines. Remove them.")
        else:
            yield from [""] * empty
            yield line[:-1]
            empty = 0
        line = ""
    if line:
        yield from [""] * empty
        yield line


def _check_read(number: int, header: str, bases: str, plus: str, qualities: str) -> None:
    """Check the four lines of a read, of which the first has this number."""
    name = header[1:].split(maxsplit=1)[0] if header[1:].strip() else ""

    def error(line: int, problem: str) -> FastqError:
        return FastqError(f"Line {number + line}{f', read {name!r}' if line else ''}: {problem}")

    if not header.startswith("@"):
        raise error(0, "a read must start with @ and its name. Check that each read has four lines.")
    if not name or not header.replace("\t", " ").isprintable():
        raise error(0, "the read has no name that can be shown. Write one directly after the @.")
    if wrong := sorted(set(_NOT_BASE.findall(bases))):
        raise error(1, f"{', '.join(map(repr, wrong))} cannot be in a read. Replace what is unknown with N.")
    if plus != "+" and plus != f"+{header[1:]}":
        raise error(2, "this line must be a + alone, or followed by the name of the read. Correct it.")
    if wrong := sorted(set(_NOT_QUALITY.findall(qualities))):
        raise error(3, f"{', '.join(map(repr, wrong))} is not a quality. Write the file again with its program.")
    if len(bases) != len(qualities):
        lengths = f"{len(bases):,} bases but {len(qualities):,} qualities"
        raise error(3, f"the read has {lengths}. Check that the file is complete.")


def count_reads(path: Path) -> int:
    """Count the reads of a checked FASTQ file.

    Args:
        path: The path of the file.

    Returns:
        The number of reads.
    """
    with path.open("rb") as file:
        return sum(1 for _ in file) // 4
