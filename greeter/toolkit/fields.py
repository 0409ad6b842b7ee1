"""Form fields for biological sequences."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from greeter.toolkit.alphabets import ALPHABETS, AlphabetName
from greeter.toolkit.fasta import FastaCheck
from greeter.toolkit.fastq import check_fastq
from greeter.toolkit.file_field import FileField
from greeter.toolkit.form_context import context_of
from greeter.toolkit.sequence_files import count_reads, count_sequences
from greeter.toolkit.text import text_blocks


class FastaField(FileField):
    """A form field for sequences in FASTA format, pasted or uploaded as a file, which may be a gzip file.

    Anything else is rejected with a message that names the record, the line and the wrong letters. A single sequence
    without a header is accepted, and named `query`. The tool's function receives the pathlib.Path of a file with the
    checked text (UTF-8, Unix line endings), or None if the field is empty. `read_fasta` reads its records: at least
    one, each with a unique name and at least one residue. The text may have blanks and empty lines in sequences. The
    installation limits the number of sequences and residues.

    Args:
        label: The label of the field.
        validators: A list of WTForms validators. Use `[DataRequired()]` if the field must not be empty.
        alphabet: "protein", "dna", "rna", or "any" of them (the default).
        gaps: Whether - and . are accepted, as in alignments.
        longest: The maximum length of a sequence in residues. None: only the limits of the installation.
        **kwargs: Other arguments of `FileField` and of WTForms fields, such as `max_bytes` and `description`.

    Raises:
        ValueError: There is no such alphabet.
    """

    paste = True

    def __init__(
        self,
        label: str | None = None,
        validators: Sequence[Callable[..., object]] | None = None,
        *,
        alphabet: AlphabetName = "any",
        gaps: bool = False,
        longest: int | None = None,
        **kwargs: Any,
    ) -> None:
        if alphabet not in ALPHABETS:
            raise ValueError(f"The alphabet cannot be {alphabet!r}. Use one of {', '.join(map(repr, ALPHABETS))}.")
        self._check = partial(FastaCheck, alphabet=alphabet, gaps=gaps, longest=longest)
        self._longest = longest
        super().__init__(label, validators, **kwargs)

    def contents(self, source: BinaryIO) -> Iterator[bytes]:
        """Yield the checked text."""
        return (text.encode() for text in self._check(context_of(self).limits).check(text_blocks(source)))

    @property
    def limits(self) -> str:
        """The limits of this field, as a sentence for the form."""
        limits = context_of(self).limits
        each = f" of up to {self._longest:,} residues" if self._longest else ""
        size = f" {super().limits}" if self.max_bytes or self.suffixes else ""
        return f"At most {limits.records:,} sequences{each}, {limits.residues:,} residues in all.{size}"

    def measure(self, path: Path) -> str:
        """Return the number of sequences, as in `15,739 sequences`."""
        number = count_sequences(path)
        return f"{number:,} sequence{'s' * (number != 1)}"


ProteinFastaField = partial(FastaField, alphabet="protein")
"""For tools that were written for version 0.2."""


class FastqField(FileField):
    """A form field for reads in FASTQ format, pasted or uploaded as a file, which may be a gzip file.

    Each read must have four lines. The tool's function receives the pathlib.Path of a file with the checked text. The
    arguments are those of `FileField`.
    """

    paste = True

    def contents(self, source: BinaryIO) -> Iterator[bytes]:
        """Yield the checked text."""
        return (line.encode() for line in check_fastq(text_blocks(source)))

    def measure(self, path: Path) -> str:
        """Return the number of reads, as in `15,739 reads`."""
        number = count_reads(path)
        return f"{number:,} read{'s' * (number != 1)}"
