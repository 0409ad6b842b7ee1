"""The files of one request: what it sends, and what its form refers to because the server has it already."""

import math
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from redis import RedisError

from greeter.jobs.files.probe import NoAnswer
from greeter.jobs.files.uploads import NEW
from greeter.jobs.params import paths_in
from greeter.jobs.submission import Filenames
from greeter.toolkit.tool import Params, Tool
from greeter.toolkit.upload import Upload
from greeter.web.services import Services
from greeter.web.template_filters import printable

_LONGEST_NAME = 255  # characters


class RequestUploads:
    """The uploads of one request. `close` removes those that no form refers to.

    A reference to a file is `kind/id/number/name`: of an upload, of an input of a job, or of an example. That of a text
    in the form has only its checksum and the name of its file.

    Attributes:
        room: How many more bytes of files may be stored.
    """

    def __init__(self, services: Services, client: str = "") -> None:
        self._services, self._client = services, client
        self._new: list[Upload] = []
        self.room: float = math.inf

    @property
    def has_dropped(self) -> bool:
        """Whether there was no room for a file."""
        return any(upload.is_dropped for upload in self._new)

    def create(self, name: str) -> Upload:
        """Prepare a file, given its name on the visitor's computer. It has an error if it cannot be stored."""
        name = printable(name.replace("\\", "/").rpartition("/")[2])[:_LONGEST_NAME]
        upload = Upload(Path(), name, is_new=True)
        try:
            self._check_disk()
            upload_id = self._services.jobs.store.uploads.new(self._owner)
            upload.path = self._services.jobs.store.uploads.path(upload_id).with_suffix(NEW)
            upload.reference = _reference("upload", upload_id, 0, name)
            self._new.append(upload)
        except OSError as error:
            upload.error = error
        return upload

    @cached_property
    def _owner(self) -> str:
        """The hash of the client, or an empty text if it is unknown."""
        with suppress(RedisError):  # the form keeps its files even while Redis is unavailable
            return self._services.jobs.store.quota.owner(self._client, waits=False)
        return ""

    def _check_disk(self) -> None:
        fitness = self._services.jobs.fitness
        fitness.refresh()
        fitness.require_space()
        if self._services.jobs.store.files.hangs():
            raise NoAnswer

    def find(self, reference: str, tool: Tool, field: str) -> Upload:
        """Find a file to which a field of a tool's form refers. Its path may no longer exist."""
        kind, key, number, name = (reference.split("/", 3) + [""] * 4)[:4]
        upload = Upload(Path(), printable(name)[:_LONGEST_NAME], reference)
        try:
            upload.path = self._path(kind, key, int(number), tool, field)
        except OSError as error:
            upload.error = None if isinstance(error, FileNotFoundError) else error
        except (LookupError, ValueError):
            pass
        return upload

    def _path(self, kind: str, key: str, number: int, tool: Tool, field: str) -> Path:
        if kind == "upload":
            return self._services.jobs.store.uploads.path(key)
        if kind == "example":
            return paths_in(tool.example[field])[number]
        is_job = len(key) == 32 and set(key) <= set("0123456789abcdef")
        if kind != "job" or not (is_job or key in map(self._services.samples.id_for_tool, self._services.tools)):
            raise LookupError
        return paths_in(self._services.reader_for(key).files.inputs(key)[field])[number]

    def close(self) -> None:
        """Keep the files to which a form refers, and remove the others."""
        for upload in self._new:
            with suppress(OSError):
                upload.path.rename(upload.path.with_suffix("")) if upload.is_kept else upload.path.unlink()
        if any(upload.is_kept for upload in self._new):
            with suppress(OSError):
                self._services.jobs.store.uploads.trim()


def of_job(params: Params, job_id: str, filenames: Filenames) -> dict[str, object]:
    """Return the parameters of a job as the values for a form, with uploads instead of Paths."""
    return {name: _referring("job", job_id, value, filenames.get(name, "")) for name, value in params.items()}


def of_example(tool: Tool) -> dict[str, object]:
    """Return the example of a tool as the values for its form, with uploads instead of Paths.

    Those whose files do not exist are left out: `flask check-tools` names these.
    """
    files = {name: paths_in(value) for name, value in tool.example.items()}
    found = {name: [path.name for path in paths] for name, paths in files.items() if all(map(Path.is_file, paths))}
    return {name: _referring("example", "", tool.example[name], names) for name, names in found.items()}


def _referring(kind: str, key: str, value: object, names: str | list[str]) -> object:
    """Return a value with uploads instead of Paths, which have these names."""
    paths = paths_in(value)
    listed = [names] * len(paths) if isinstance(names, str) else names or [""] * len(paths)
    pairs = enumerate(zip(paths, listed, strict=True))
    uploads = [Upload(path, name, _reference(kind, key, number, name)) for number, (path, name) in pairs]
    if not uploads:
        return value
    return uploads if isinstance(value, list) else uploads[0]


def _reference(kind: str, key: str, number: int, name: str) -> str:
    return f"{kind}/{key}/{number}/{name}"
