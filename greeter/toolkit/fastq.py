"""Check reads in FASTQ format, line by line."""

import re
from collections.abc import Iterable, Iterator

from greeter.toolkit.alphabets import listed
from greeter.toolkit.errors import ToolError

_LONGEST_LINE = 5_000_000  # characters: longer than any read of a sequencer
_MOST_EMPTY_LINES = 1000  # at the end: a small gzip file may have billions of them
_NOT_BASE = re.compile("[^ACGTURYSWKMBDHVNacgturyswkmbdhvn.*]")
_NOT_QUALITY = re.compile("[^!-~]")


def check_fastq(blocks: Iterable[str]) -> Iterator[str]:
    """Check reads in FASTQ format, each of which has four lines.

    Args:
        blocks: The parts of the text, as `text_blocks` yields them.

    Yields:
        The lines, without empty ones at the end.

    Raises:
        ToolError: There is no read, or one is invalid. The message names its line, counted from 1.
    """
    read: list[str] = []
    number = empty = 0
    for number, line in enumerate(_lines(blocks), 1):
        if not line and not read and number - (empty or number) < _MOST_EMPTY_LINES:
            empty = empty or number
            continue
        if empty:
            raise ToolError(f"Line {empty}: there is an empty line where a read should start. Remove it.")
        read.append(line)
        if len(read) == 4:
            _check_read(number - 3, *read)
            yield "\n".join([*read, ""])
            read.clear()
    if read or number < 4:
        problem = f"Line {number}: the file ends in the middle of a read." if read else "Line 1: there is no read."
        raise ToolError(f"{problem} Give each read four lines: @name, bases, +, qualities.")


def _lines(blocks: Iterable[str]) -> Iterator[str]:
    """Divide blocks into lines without their endings."""
    rest = ""
    for block in blocks:
        *lines, rest = (rest + block).split("\n")
        yield from lines
        if len(rest) > _LONGEST_LINE:
            raise ToolError(f"A line is longer than {_LONGEST_LINE:,} characters. Check that this is a FASTQ file.")
    if rest:
        yield rest


def _check_read(number: int, header: str, bases: str, plus: str, qualities: str) -> None:
    """Check the four lines of a read, of which the first has this number."""
    name = header[1:].split(maxsplit=1)[0] if header[1:].strip() else ""

    def error(line: int, problem: str) -> ToolError:
        return ToolError(f"Line {number + line}{f', read {name!r}' if line else ''}: {problem}")

    if not header.startswith("@"):
        raise error(0, "a read must start with @ and its name. Check that each read has four lines.")
    if not name or not header.replace("\t", " ").isprintable():
        raise error(0, "the read has no name that can be shown. Write one directly after the @.")
    if wrong := sorted(set(_NOT_BASE.findall(bases))):
        raise error(1, f"{listed(wrong)} cannot be in a read. Replace what is unknown with N.")
    if plus != "+" and plus != f"+{header[1:]}":
        raise error(2, "this line must be a + alone, or followed by the name of the read. Correct it.")
    if wrong := sorted(set(_NOT_QUALITY.findall(qualities))):
        raise error(3, f"{listed(wrong)} cannot be a quality. Write the file again with its program.")
    if len(bases) != len(qualities):
        lengths = f"{len(bases):,} bases but {len(qualities):,} qualities"
        raise error(3, f"the read has {lengths}. Check that the file is complete.")
