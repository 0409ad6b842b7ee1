"""Protein sequences in FASTA format: the form's field for them, and the checks that it makes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from wtforms import TextAreaField
from wtforms.form import BaseForm
from wtforms.validators import StopValidation, ValidationError
from wtforms.widgets import TextArea

# The amino alphabet of HMMER's Easel library: 20 amino acids, B J Z O U X, and * for a stop; no gaps.
_NOT_PROTEIN = re.compile("[^ACDEFGHIKLMNPQRSTVWYBJZOUXacdefghiklmnpqrstvwybjzoux*]")
_BLANKS = str.maketrans("", "", " \t")
_SHORTEST_DNA = 10
_LONGEST_SEQUENCE = 100_000  # HMMER's pipeline takes none longer
_LONGEST_HEADER = 1000
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"(\xb5/\xfd")  # gzip, bzip2, zstd: unlike zip and xz, without a zero byte at times


class _TextOrFile(TextArea):
    validation_attrs: list[str] = []  # noqa: RUF012  not `required`: a file may stand in for the text


class FastaField(TextAreaField):
    """Proteins, pasted or uploaded; a file wins over pasted text.

    Its data is None or FASTA text as bytes, which reach the tool's function as the Path of a file. Put
    `DataRequired()` among the validators unless the field may stay empty.
    """

    widget = _TextOrFile()
    takes_file = True
    data: Any

    def _value(self) -> str:
        return self.data.decode() if isinstance(self.data, bytes) else self.data or ""

    def process_data(self, value: Any) -> None:
        """Take an example or a former input: a text, or the Path of a file with it."""
        self.data = value.read_text() if isinstance(value, Path) else value

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Take what was uploaded, or else what was pasted."""
        self.data = "".join(value for value in valuelist if isinstance(value, str))
        for file in (value for value in valuelist if hasattr(value, "read") and value.filename):
            self.data = _decode(file.read())

    def pre_validate(self, form: BaseForm) -> None:
        """Let what is wrong with a file be said, rather than that there is no text."""
        if self.process_errors:
            raise StopValidation

    def post_validate(self, form: BaseForm, validation_stopped: bool) -> None:
        """Check the sequences, unless a validator has found something already."""
        if not validation_stopped:
            self.data = check_proteins(self.data, self.meta.limits) if (self.data or "").strip() else None

    @property
    def limits(self) -> str:
        """The limits of the field in words."""
        limits = self.meta.limits
        return (
            f"At most {limits['records']:,} sequences of up to {_LONGEST_SEQUENCE:,} residues, "
            f"{limits['residues']:,} residues in all."
        )


def _decode(content: bytes) -> str:
    if not content.strip():
        raise ValueError("The file is empty. Choose another one, or none.")
    if b"\0" in content or content.startswith(_COMPRESSED):
        raise ValueError("This is not a text file. Unpack it, or save it as plain text, and choose it again.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def check_proteins(text: str, limits: Mapping[str, int]) -> bytes:
    """Return FASTA text with plain line ends as UTF-8.

    `limits` holds the most `records` and the most `residues` in all of them. Raises ValidationError, whose message
    names the first record in which something is wrong, and its line, counted from 1.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    seen: dict[str, int] = {}
    residues = 0
    for start, header, body in _records(lines):
        name = _name(header, start)
        sequence = "".join(body).translate(_BLANKS)
        if name in seen:
            raise ValidationError(
                f"Line {start}: the name {name!r} is already that of the record in line {seen[name]}. "
                "Give each record a name of its own."
            )
        _check_sequence(sequence, body, f"record {name!r}", start)
        seen[name] = start
        residues += len(sequence)
        if len(seen) > limits["records"] or residues > limits["residues"]:
            raise ValidationError(
                f"Line {start}, record {name!r}: here the input passes its limit of {limits['records']:,} sequences "
                f"and {limits['residues']:,} residues. Split it into several jobs."
            )
    return "\n".join(lines).encode()


def _records(lines: list[str]) -> Iterator[tuple[int, str, list[str]]]:
    """Each record as the number of its header's line, its header without the >, and its other lines."""
    headers = [index for index, line in enumerate(lines) if line.startswith(">")]
    first = headers[0] if headers else len(lines)
    stray = next((index for index, line in enumerate(lines[:first]) if line.strip()), None)
    if stray is not None or not headers:
        raise ValidationError(
            f"Line {(stray or 0) + 1}: no record has begun yet. Put a line with > and a name before each sequence."
        )
    for index, end in zip(headers, [*headers[1:], len(lines)], strict=True):
        yield index + 1, lines[index][1:], lines[index + 1 : end]


def _name(header: str, line: int) -> str:
    if not header.strip():
        raise ValidationError(f"Line {line}: the record has no name. Write one right after the >.")
    if len(header) > _LONGEST_HEADER:
        raise ValidationError(f"Line {line}: the header is longer than {_LONGEST_HEADER:,} characters. Shorten it.")
    if not header.replace("\t", " ").isprintable():
        raise ValidationError(f"Line {line}: the header has a character that cannot be shown. Retype the header.")
    return header.split(maxsplit=1)[0]


def _check_sequence(sequence: str, body: list[str], record: str, start: int) -> None:
    if not sequence.strip("*"):
        raise ValidationError(f"Line {start}, {record}: no sequence follows. Add it, or remove the record.")
    if len(sequence) > _LONGEST_SEQUENCE:
        raise ValidationError(
            f"Line {start}, {record}: the sequence is longer than {_LONGEST_SEQUENCE:,} residues. Cut it into parts."
        )
    if _NOT_PROTEIN.search(sequence):
        for number, line in enumerate(body, start + 1):
            if wrong := _NOT_PROTEIN.search(line.translate(_BLANKS)):
                raise ValidationError(
                    f"Line {number}, {record}: {wrong[0]!r} is not an amino acid. Remove it, or write X in its place."
                )
    letters = set(sequence.upper())
    if len(sequence) >= _SHORTEST_DNA and letters <= set("ACGTUN") and letters >= set("ACG") and letters & set("TU"):
        raise ValidationError(f"Line {start}, {record}: this looks like DNA or RNA. Translate it into protein first.")
