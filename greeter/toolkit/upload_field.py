"""The form field for uploads: those that a request sends, and those that its form refers to."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from wtforms import Field
from wtforms.form import BaseForm
from wtforms.validators import StopValidation
from wtforms.widgets import FileInput, TextArea

from greeter.toolkit.errors import ToolError
from greeter.toolkit.form_context import context_of
from greeter.toolkit.upload import Upload, shown_reference

Value = str | Path | Upload | None


class _TextOrFile(TextArea):
    validation_attrs: list[str] = []  # noqa: RUF012  without `required`: a file may replace the text


class UploadField(Field):
    """A field for one file or, in a subclass that is `multiple`, for several. With `paste`, a text can replace it."""

    multiple = False
    paste = False

    def __init__(self, label: str | None, validators: list[Any], **kwargs: Any) -> None:
        self.uploads: list[Upload] = []
        self._pasted = ""
        widget: Any = _TextOrFile() if self.paste else FileInput(multiple=self.multiple)
        super().__init__(label, validators, widget=widget, **kwargs)

    @property
    def data(self) -> Path | list[Path] | None:
        """The path of the file, or None; if `multiple`, the paths of all."""
        paths = [upload.path for upload in self.uploads]
        return paths if self.multiple else next(iter(paths), None)

    @property
    def filenames(self) -> str | list[str]:
        """The name of the file on the visitor's computer, empty for pasted text; if `multiple`, the names of all."""
        names = [upload.name for upload in self.uploads]
        return names if self.multiple else next(iter(names), "")

    def process_data(self, value: Value | Sequence[Value]) -> None:
        """Fill the field: with a text, the path of an example, or the file of a job."""
        values: Sequence[Any] = value if isinstance(value, list | tuple) else [value]
        self.uploads = [self._upload(one) for one in values if one]

    def _upload(self, value: str | Path | Upload) -> Upload:
        if isinstance(value, str):
            return context_of(self).new_upload("").write(value)
        return Upload(value, value.name) if isinstance(value, Path) else value

    def process_formdata(self, valuelist: list[str | Upload]) -> None:
        """Use the new file, or else the pasted text, or else the file that was kept."""
        sent = [value for value in valuelist if isinstance(value, Upload)]
        new, old = [one for one in sent if one.is_new], [one for one in sent if not one.is_new]
        kept = [one for one in old if not one.is_shown]
        self._pasted = "".join(value for value in valuelist if isinstance(value, str)) if self.paste else ""
        if self._pasted.strip() and not new:
            names = (one.name for one in old if one.reference == shown_reference(self._pasted, one.name))
            new = [context_of(self).new_upload(next(names, "")).write(self._pasted)]
        self.uploads = kept + new if self.multiple else (new or kept)[:1]
        self.uploads, problems = self.checked(_require_file)
        if problems:
            raise ValueError(problems)

    def checked(self, check: Callable[[Upload], Upload]) -> tuple[list[Upload], str]:
        """Return what a check returns for the files, and the message about those for which it raises ToolError."""
        accepted, problems = [], []
        for number, upload in enumerate(self.uploads, 1):
            try:
                accepted.append(check(upload))
            except ToolError as error:
                problems.append(f"{upload.name or f'File {number}'}: {error}" if self.multiple else str(error))
        return accepted, " ".join(problems)

    def pre_validate(self, form: BaseForm) -> None:
        """Skip the validators if there is an error already. Raises OSError if a file could not be stored."""
        for upload in self.uploads:
            if upload.error:
                raise upload.error
        if self.process_errors:
            raise StopValidation

    @property
    def kept(self) -> list[Upload]:
        """The files that the form refers to instead of showing their text."""
        if (self.errors and not self.multiple) or self._text():
            return []
        kept = [upload for upload in self.uploads if upload.reference and not upload.error and not upload.is_dropped]
        for upload in kept:
            upload.is_kept = True
        return kept

    @property
    def shown_reference(self) -> str:
        """What the form sends so that the text of a file keeps the name of the file, unless the text is edited."""
        text = self._text()
        return shown_reference(text, self.uploads[0].name) if text and self.uploads[0].name else ""

    def _value(self) -> str:
        return self._text() or (self._pasted if self.errors or any(one.error for one in self.uploads) else "")

    def _text(self) -> str:
        """Return the text of the file if the form shows it."""
        shows = self.paste and len(self.uploads) == 1 and not self.uploads[0].error
        return self.uploads[0].short_text if shows else ""


def _require_file(upload: Upload) -> Upload:
    if not upload.error and not upload.path.is_file():
        raise ToolError("This file is no longer kept. Choose it again.")
    return upload
