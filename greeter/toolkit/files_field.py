"""The form field for several files."""

from __future__ import annotations

from pathlib import Path

from greeter.toolkit.file_field import FileField
from greeter.toolkit.upload import Upload


class FilesField(FileField):
    """A form field for several files. The tool's function receives a list of Paths. See `FileField`."""

    multiple = True

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
