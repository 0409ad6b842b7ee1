"""Form fields for files of any kind."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from humanize import naturalsize
from wtforms.form import BaseForm
from wtforms.validators import ValidationError

from greeter.toolkit.declarations import check_suffixes
from greeter.toolkit.errors import ToolError
from greeter.toolkit.file_rules import NO_ROOM, PACKED, Contents, FileRules
from greeter.toolkit.form_context import context_of
from greeter.toolkit.upload import Upload
from greeter.toolkit.upload_field import UploadField

_TOGETHER = 10  # times the limit of one file, which several files may have together, after unpacking


class FileField(UploadField):
    """A form field for one file of any kind.

    gzip and bgzip files are unpacked. Exceptions: names matching a suffix in `suffixes` that ends in .gz or .bgz, and
    formats that are always compressed, such as .bam. The tool's function receives the pathlib.Path of the file, or None
    if there is none.

    Args:
        label: The label of the field.
        validators: A list of WTForms validators. Use `[DataRequired()]` if a file is needed.
        suffixes: The endings of the names that are accepted, such as `[".vcf", ".bcf"]`; none: any name.
        check: A function that gets the Path of the unpacked file, and raises `ToolError` with the line of a problem.
            Any other exception is logged, and the file is rejected.
        max_bytes: The maximum size of the file in bytes, even after unpacking. None: the setting MAX_UPLOAD_BYTES.
        paste: Whether text can be pasted instead. None: only into fields for sequences.
        unpack: Whether gzip files are unpacked.
        **kwargs: Other arguments of WTForms fields, such as `description`.

    Raises:
        TypeError: The suffixes are a string, or `max_bytes` is not a number.
        ValueError: A suffix has no dot.
    """

    contents: Contents | None = None

    def __init__(
        self,
        label: str | None = None,
        validators: Sequence[Callable[..., object]] | None = None,
        *,
        suffixes: Sequence[str] = (),
        check: Callable[[Path], object] | None = None,
        max_bytes: int | None = None,
        paste: bool | None = None,
        unpack: bool = True,
        **kwargs: Any,
    ) -> None:
        check_suffixes(suffixes)
        if not isinstance(max_bytes, int | None):
            raise TypeError(f"max_bytes={max_bytes!r} is of the wrong type. Use int | None.")
        self.suffixes = tuple(suffix.lower() for suffix in suffixes)
        self.check, self.max_bytes, self.unpack = check, max_bytes, unpack
        self.paste = self.paste if paste is None else paste
        super().__init__(label, list(validators or ()), **kwargs)
        if self.suffixes and not self.paste:
            self.render_kw = {"accept": self.browser_endings, **(self.render_kw or {})}

    def post_validate(self, form: BaseForm, validation_stopped: bool) -> None:
        """Unpack and check the files, unless a validator has already rejected them."""
        if validation_stopped or self.errors:
            return
        accepted, problems = self.checked(self.accept)
        if self.multiple or not problems:  # otherwise, a pasted text is shown for correction
            self.uploads = accepted
        if problems:
            raise ValidationError(problems)

    def accept(self, upload: Upload) -> Upload:
        """Check a file, and return the one that the tool gets. Raises ToolError if it is not suitable."""
        return self.rules.accept(upload)

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

    def describe(self, upload: Upload) -> str:
        """Describe a file for the form, as in `targets.fa, 15,739 sequences`."""
        return f"{upload.name or 'pasted text'}, {self.measure(upload.path)}"

    def measure(self, path: Path) -> str:
        """Describe how much there is in a file that was accepted."""
        return naturalsize(path.stat().st_size)


class FilesField(FileField):
    """A form field for several files. The tool's function receives a list of Paths. See `FileField`."""

    multiple = True
    _room = 0

    def post_validate(self, form: BaseForm, validation_stopped: bool) -> None:
        """Unpack and check the files, while there is room for them."""
        self._room = _TOGETHER * self.rules.max_bytes
        super().post_validate(form, validation_stopped)

    def accept(self, upload: Upload) -> Upload:
        """Check a file, and return the one that the tool gets. Raises ToolError if it is unsuitable, or has no room."""
        if self._room > 0:
            accepted = super().accept(upload)
            self._room -= accepted.path.stat().st_size
            if self._room >= 0:
                return accepted
        raise ToolError(NO_ROOM)
