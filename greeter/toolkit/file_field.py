"""Form fields for files of any kind."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from humanize import naturalsize
from wtforms import Field
from wtforms.form import BaseForm
from wtforms.validators import StopValidation, ValidationError
from wtforms.widgets import FileInput, TextArea

from greeter.toolkit.declarations import check_suffixes
from greeter.toolkit.errors import ToolError
from greeter.toolkit.file_rules import PACKED, Contents, FileRules
from greeter.toolkit.form_context import context_of
from greeter.toolkit.upload import Upload, shown_reference

_GONE = "This file is no longer kept. Choose it again."

Value = str | Path | Upload | None


class _TextOrFile(TextArea):
    validation_attrs: list[str] = []  # noqa: RUF012  without `required`: a file may replace the text


class FileField(Field):
    """A form field for one file of any kind.

    A gzip or bgzip file is unpacked, whatever its name, unless `suffixes` has its ending in .gz or .bgz, or it has the
    ending of a format that is always packed, such as .bam. The tool's function receives the pathlib.Path of the file,
    or None if there is none.

    Args:
        label: The label of the field.
        validators: A list of WTForms validators. Use `[DataRequired()]` if a file is needed.
        suffixes: The endings of the names that are accepted, such as `[".vcf", ".bcf"]`; none: any name.
        check: A function that gets the Path of the unpacked file, and raises `ToolError` with the line of a problem.
            Any other exception is logged, and the file is refused.
        max_bytes: The maximum size of the file in bytes, even after unpacking. None: the setting MAX_UPLOAD_BYTES.
        paste: Whether text can be pasted instead.
        unpack: Whether gzip files are unpacked.
        **kwargs: Other arguments of WTForms fields, such as `description`.

    Raises:
        TypeError: The suffixes are a string, or `max_bytes` is not a number.
        ValueError: A suffix has no dot.
    """

    multiple = False
    contents: Contents | None = None

    def __init__(
        self,
        label: str | None = None,
        validators: Sequence[Callable[..., object]] | None = None,
        *,
        suffixes: Sequence[str] = (),
        check: Callable[[Path], object] | None = None,
        max_bytes: int | None = None,
        paste: bool = False,
        unpack: bool = True,
        **kwargs: Any,
    ) -> None:
        check_suffixes(suffixes)
        if not isinstance(max_bytes, int | None):
            raise TypeError(f"max_bytes={max_bytes!r} is of the wrong type. Use int | None.")
        self.suffixes = tuple(suffix.lower() for suffix in suffixes)
        self.check, self.max_bytes, self.paste, self.unpack = check, max_bytes, paste, unpack
        self.uploads: list[Upload] = []
        self._pasted = ""
        widget: Any = _TextOrFile() if paste else FileInput(multiple=self.multiple)
        super().__init__(label, list(validators or ()), widget=widget, **kwargs)
        if self.suffixes and not paste:
            self.render_kw = {"accept": self.browser_endings, **(self.render_kw or {})}

    @property
    def data(self) -> Path | list[Path] | None:
        """The path of the file, or None."""
        return self.uploads[0].path if self.uploads else None

    @property
    def filenames(self) -> str | list[str]:
        """The name of the file on the visitor's computer; empty for pasted text."""
        return self.uploads[0].name if self.uploads else ""

    def process_data(self, value: Value | Sequence[Value]) -> None:
        """Fill the field: with a text, the path of an example, or the file of a job."""
        values: Sequence[Any] = value if isinstance(value, list | tuple) else [value]
        self.uploads = [self._upload(one) for one in values if one]

    def _upload(self, value: str | Path | Upload) -> Upload:
        if isinstance(value, str):
            return self._write(value, "")
        return Upload(value, value.name) if isinstance(value, Path) else value

    def _write(self, text: str, name: str) -> Upload:
        upload = context_of(self).new_upload(name)
        upload.write(text)
        return upload

    def process_formdata(self, valuelist: list[str | Upload]) -> None:
        """Use the new file, or else the pasted text, or else the file that was kept."""
        sent = [value for value in valuelist if isinstance(value, Upload)]
        new, old = [one for one in sent if one.is_new], [one for one in sent if not one.is_new]
        kept = [one for one in old if not one.is_shown]
        self._pasted = "".join(value for value in valuelist if isinstance(value, str)) if self.paste else ""
        if self._pasted.strip() and not new:
            names = (one.name for one in old if one.reference == shown_reference(self._pasted, one.name))
            new = [self._write(self._pasted, next(names, ""))]
        self.uploads = self.choose(new, kept)
        gone = [upload for upload in self.uploads if not upload.error and not upload.path.is_file()]
        problems = [self._message(upload, _GONE) for upload in gone]
        self.uploads = [upload for upload in self.uploads if upload not in gone]
        if problems:
            raise ValueError(" ".join(problems))

    def choose(self, new: list[Upload], kept: list[Upload]) -> list[Upload]:
        """Return the files to use, of the new ones and those that were kept."""
        return (new or kept)[:1]

    def pre_validate(self, form: BaseForm) -> None:
        """Skip the validators if there is an error already. Raises OSError if a file could not be stored."""
        for upload in self.uploads:
            if upload.error:
                raise upload.error
        if self.process_errors:
            raise StopValidation

    def post_validate(self, form: BaseForm, validation_stopped: bool) -> None:
        """Unpack and check the files, unless a validator has already rejected them."""
        if validation_stopped or self.errors:
            return
        accepted, problems = [], []
        for upload in self.uploads:
            try:
                accepted.append(self.accept(upload))
            except ToolError as error:
                problems.append(self._message(upload, str(error)))
        if self.multiple or not problems:  # otherwise, a pasted text is shown for correction
            self.uploads = accepted
        if problems:
            raise ValidationError(" ".join(problems))

    def accept(self, upload: Upload) -> Upload:
        """Check a file, and return the one that the tool gets. Raises ToolError if it is not suitable."""
        return self.rules.accept(upload)

    def _message(self, upload: Upload, problem: str) -> str:
        if not self.multiple:
            return problem
        return f"{upload.name or f'File {self.uploads.index(upload) + 1}'}: {problem}"

    @property
    def rules(self) -> FileRules:
        """What the field accepts."""
        context = context_of(self)
        max_bytes = self.max_bytes or context.max_bytes
        return FileRules(self.suffixes, max_bytes, context.new_upload, self.contents, self.check, self.unpack)

    @property
    def browser_endings(self) -> str:
        """The endings that a browser offers for the choice of a file."""
        packed = (suffix + ending for suffix in self.suffixes for ending in PACKED)
        return ",".join([*self.suffixes, *packed])

    @property
    def limits(self) -> str:
        """The limits of this field, as a sentence for the form."""
        return self.rules.sentence

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

    def describe(self, upload: Upload) -> str:
        """Describe a file for the form, as in `targets.fa, 15,739 sequences`."""
        return f"{upload.name or 'pasted text'}, {self.measure(upload.path)}"

    def measure(self, path: Path) -> str:
        """Describe how much there is in a file that was accepted."""
        return naturalsize(path.stat().st_size)

    def _value(self) -> str:
        return self._text() or (self._pasted if self.errors or any(one.error for one in self.uploads) else "")

    def _text(self) -> str:
        """Return the text of the file if the form shows it."""
        shows = self.paste and len(self.uploads) == 1 and not self.uploads[0].error
        return self.uploads[0].short_text if shows else ""
