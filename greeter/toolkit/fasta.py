"""Check sequences in FASTA format, block by block."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from greeter.toolkit.accessions import reference_kind
from greeter.toolkit.alphabets import ALPHABETS
from greeter.toolkit.errors import ToolError

_LONGEST_HEADER = 1000  # characters
_NEXT_TITLE = "\x01"  # between the titles of identical sequences, which NCBI stores once
_SHORTEST_NUCLEOTIDES = 10  # letters: fewer that look like DNA may well be a peptide
_HEADER = re.compile(r"^>.*\n?", re.MULTILINE)
_BLANKS = " \t\n"
_NO_NUCLEOTIDE = re.compile(f"[^ACGTUNacgtun{_BLANKS}]")
_LONGEST_WORD = 80  # characters that a message repeats


class Limits(NamedTuple):
    """The limits of one input."""

    records: int
    residues: int  # in all records together


@dataclass
class _Record:
    line: int  # of the header, counted from 1
    name: str
    is_bare: bool = False  # without a header
    length: int = 0
    has_residues: bool = False
    letters: set[str] | None = field(default_factory=set)  # None: some are not letters of DNA or RNA
    wrong: dict[str, int] = field(default_factory=dict)  # the lines of the wrong letters

    def error(self, problem: str, line: int | None = None) -> ToolError:
        return ToolError(f"Line {line or self.line}, record {self.name!r}: {problem}")


class FastaCheck:
    """A check of sequences in FASTA format.

    Args:
        limits: The maximum number of records, and of residues in all of them together.
        alphabet: The kind of sequence: a key of ALPHABETS.
        gaps: Whether - and . are accepted.
        longest: The maximum length of a sequence in residues, or None.
        bare: Whether a single sequence may have no header.
    """

    def __init__(
        self,
        limits: Limits,
        alphabet: str = "protein",
        *,
        gaps: bool = False,
        longest: int | None = None,
        bare: bool = True,
    ) -> None:
        self._limits, self._longest, self._bare = limits, longest, bare
        self._alphabet, self._is_protein = ALPHABETS[alphabet], alphabet == "protein"
        letters = self._alphabet.letters + self._alphabet.letters.lower() + "-." * gaps
        # A search is faster than translate(), except for listing many wrong letters.
        self._wrong = re.compile(f"[^{re.escape(letters)}{_BLANKS}]")
        self._legal = str.maketrans("", "", letters + _BLANKS)
        self._line_of: dict[str, int] = {}
        self._residues = 0
        self._record: _Record | None = None

    def check(self, blocks: Iterable[str]) -> Iterator[str]:
        """Check a text.

        Args:
            blocks: Its parts, as `text_blocks` yields them.

        Yields:
            The text as it was. A single sequence without a header gets the header `>query`.

        Raises:
            ToolError: A record is missing, invalid, of another kind, or beyond a limit. The message names the first
                such record and its line, counted from 1.
        """
        line, starts_line = 1, True
        for block in blocks:
            for is_header, text in _parts(block, starts_line=starts_line):
                if is_header:
                    self._start(line, text[1:].removesuffix("\n"))
                elif text.strip():
                    if self._record is None:
                        self._start_bare(line, text)
                        yield ">query\n"
                    self._add(line, text)
                line += text.count("\n")
            starts_line = block.endswith("\n")
            yield block
        if self._record is None:
            raise ToolError("Line 1: there is no record. Start each record with a line such as >name.")
        self._end_record(self._record)

    def _start(self, line: int, header: str) -> None:
        if self._record:
            if self._record.is_bare:
                raise _no_header(self._record.line)
            self._end_record(self._record)
        _check_header(line, header)
        name = header.split(maxsplit=1)[0]
        if name in self._line_of:
            problem = f"Line {line}: the name {name!r} is already used in line {self._line_of[name]}."
            raise ToolError(f"{problem} Give each record a unique name.")
        self._line_of[name] = line
        self._record = _Record(line, name)

    def _start_bare(self, line: int, text: str) -> None:
        """Start the record of a sequence without a header."""
        line += text[: -len(text.lstrip())].count("\n")
        word = text.split(maxsplit=1)[0].rstrip(",;")
        if word.startswith("@"):
            problem = f"Line {line}: this looks like FASTQ."
            raise ToolError(f"{problem} Convert it to FASTA, and paste or upload the result.")
        if kind := reference_kind(word):
            problem = f"Line {line}: {word[:_LONGEST_WORD]!r} looks like {kind}, not like a sequence."
            raise ToolError(f"{problem} Download the sequence from there, and paste it.")
        if not self._bare:
            raise _no_header(line)
        self._record = _Record(line, "query", is_bare=True)

    def _add(self, line: int, text: str) -> None:
        """Add a part of a sequence, which starts in this line, to the record."""
        assert self._record
        record = self._record
        for letter in dict.fromkeys(text.translate(self._legal)) if self._wrong.search(text) else ():
            record.wrong.setdefault(letter, line + text.count("\n", 0, text.index(letter)))
        record.length += len(text) - sum(map(text.count, _BLANKS))
        record.has_residues = record.has_residues or bool(text.strip("*-." + _BLANKS))
        if not self._is_protein or _NO_NUCLEOTIDE.search(text):
            record.letters = None
        elif record.letters is not None:
            record.letters.update(text.upper())
        if self._longest and record.length > self._longest and not record.wrong:
            raise record.error(f"the sequence is longer than {self._longest:,} residues. Split it into parts.")

    def _end_record(self, record: _Record) -> None:
        if not record.has_residues:
            raise record.error("the header has no sequence. Add one, or remove the record.")
        if record.wrong:
            raise record.error(self._alphabet.refuse(list(record.wrong)), min(record.wrong.values()))
        if _looks_like_nucleotides(record):
            raise record.error("this looks like DNA or RNA. Translate it into protein first.")
        self._residues += record.length
        if len(self._line_of) > self._limits.records or self._residues > self._limits.residues:
            limits = f"{self._limits.records:,} sequences and {self._limits.residues:,} residues"
            raise record.error(f"here the input exceeds the limits of {limits}. Split it into several jobs.")


def _no_header(line: int) -> ToolError:
    return ToolError(f"Line {line}: text before the first header. Start each record with a line such as >name.")


def _check_header(line: int, header: str) -> None:
    if not header.strip():
        raise ToolError(f"Line {line}: the record has no name. Write one directly after the >.")
    if _NEXT_TITLE in header:
        problem = f"Line {line}: the header has the titles of several identical sequences, as in nr of NCBI."
        raise ToolError(rf"{problem} Keep only the first: run sed 's/\x01.*//' on the file.")
    if len(header) > _LONGEST_HEADER:
        raise ToolError(f"Line {line}: the header is longer than {_LONGEST_HEADER:,} characters. Shorten it.")
    if not header.replace("\t", " ").isprintable():
        raise ToolError(f"Line {line}: the header has a character that cannot be shown. Retype the header.")


def _parts(block: str, *, starts_line: bool) -> Iterator[tuple[bool, str]]:
    """Split a block at its headers. Yields (is_header, text)."""
    end = 0
    for header in _HEADER.finditer(block, 0 if starts_line else 1):
        yield False, block[end : header.start()]
        yield True, header[0]
        end = header.end()
    yield False, block[end:]


def _looks_like_nucleotides(record: _Record) -> bool:
    letters = record.letters or set()
    return letters >= set("ACG") and bool(letters & set("TU")) and record.length >= _SHORTEST_NUCLEOTIDES
