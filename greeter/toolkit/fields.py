"""Form fields for biological sequences."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from wtforms import TextAreaField
from wtforms.form import BaseForm
from wtforms.validators import StopValidation, ValidationError
from wtforms.widgets import TextArea

from greeter.toolkit.fasta import LONGEST_SEQUENCE, FastaError, check_proteins

# gzip, bzip2 and zstd. Zip and xz always contain a zero byte, which is enough to reject them.
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"(\xb5/\xfd")


class _Upload(Protocol):
    filename: str | None

    def read(self) -> bytes: ...


class _TextOrFile(TextArea):
    validation_attrs: list[str] = []  # noqa: RUF012  without `required`: a file may replace the text


class ProteinFastaField(TextAreaField):
    """A form field for protein sequences in FASTA format, pasted or uploaded as a file.

    The file is used instead of pasted text. Anything other than protein FASTA is rejected, including DNA and RNA, with
    a message that names the line. The tool's function receives the pathlib.Path of a file with the checked text (UTF-8,
    Unix line endings), or None if the field is empty. The installation limits the number of sequences and residues.

    Args:
        label: The label of the field.
        validators: A list of WTForms validators. Use `[DataRequired()]` if the field must not be empty.
        description: A hint below the label.

    Attributes:
        data: The checked text as bytes after validation, or None if the field is empty.
    """

    widget = _TextOrFile()
    takes_file = True
    data: Any  # TextAreaField declares str | None

    def _value(self) -> str:
        return self.data.decode() if isinstance(self.data, bytes) else self.data or ""

    def process_data(self, value: str | Path | None) -> None:
        """Fill the field with a text, or with the contents of a file such as an example."""
        self.data = value.read_text() if isinstance(value, Path) else value

    def process_formdata(self, valuelist: list[str | _Upload]) -> None:
        """Use the uploaded file, or the pasted text if there is none."""
        self.data = "".join(value for value in valuelist if isinstance(value, str))
        for value in valuelist:
            if not isinstance(value, str) and value.filename:
                self.data = _decode(value.read())

    def pre_validate(self, form: BaseForm) -> None:
        """Skip the validators for an unreadable file: `DataRequired` would add that the field is empty."""
        if self.process_errors:
            raise StopValidation

    def post_validate(self, form: BaseForm, validation_stopped: bool) -> None:
        """Check the sequences unless a validator has already rejected the input."""
        if validation_stopped:
            return
        try:
            self.data = check_proteins(self.data, self.meta.limits) if (self.data or "").strip() else None
        except FastaError as error:
            raise ValidationError(str(error)) from error

    @property
    def limits(self) -> str:
        """The limits of this field, as a sentence for the form."""
        limits = self.meta.limits
        return (
            f"At most {limits['records']:,} sequences of up to {LONGEST_SEQUENCE:,} residues, "
            f"{limits['residues']:,} residues in all."
        )


def _decode(content: bytes) -> str:
    if not content.strip():
        raise ValueError("The file is empty. Choose another file, or paste the text.")
    if b"\0" in content or content.startswith(_COMPRESSED):
        raise ValueError("This is not a text file. Unpack it, or save it as plain text, and choose it again.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")
