"""The form field for several files."""

from pathlib import Path

from wtforms.form import BaseForm

from greeter.toolkit.errors import ToolError
from greeter.toolkit.file_field import FileField
from greeter.toolkit.file_rules import NO_ROOM
from greeter.toolkit.upload import Upload

_TOGETHER = 10  # times the limit of one file, which all may have together, after unpacking


class FilesField(FileField):
    """A form field for several files. The tool's function receives a list of Paths. See `FileField`."""

    multiple = True
    _room = 0

    @property
    def data(self) -> list[Path]:
        """The paths of the files."""
        return [upload.path for upload in self.uploads]

    @property
    def filenames(self) -> list[str]:
        """The names of the files on the visitor's computer."""
        return [upload.name for upload in self.uploads]

    def choose(self, new: list[Upload], kept: list[Upload]) -> list[Upload]:
        """Return all files."""
        return kept + new

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
