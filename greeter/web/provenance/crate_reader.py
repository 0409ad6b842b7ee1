"""Read job.zip, the RO-Crate of a job."""

import json
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from errno import EINVAL
from hashlib import sha256
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from kombu.utils.json import loads

from greeter.toolkit.tool import Params
from greeter.toolkit.upload import Upload
from greeter.web.provenance.crate import INPUTS, PARAMETERS
from greeter.web.provenance.crate_graph import METADATA, Entity

_CHUNK = 256 * 1024  # bytes
_MOST_BYTES = 16 * 1024 * 1024  # of a JSON file
# What zipfile raises for a damaged or encrypted archive; and what is missing, of another type or too deep in the JSON.
_DAMAGE = (BadZipFile, zlib.error, EOFError, RuntimeError, LookupError, TypeError, AttributeError, ValueError)


class NotACrate(Exception):
    """The archive is not that of a job, or is damaged."""


class TooLarge(Exception):
    """The input files in the archive are too large. The message is the number of their bytes."""


@dataclass(frozen=True)
class Crate:
    """What is needed to run a job again."""

    tool: str
    params: Params  # the parameters, with files as Uploads
    missing: int  # how many input files the archive does not have
    sums: Mapping[str, str]  # the SHA-256 of each file of the result, by its path in the archive
    versions: Mapping[str, str]  # the versions by name
    databases: Mapping[str, str]  # the SHA-256 of the main file of each reference database, by id and version
    summary: str  # how the job ended
    error: str  # why it has no result; empty if it has one


def read(path: Path, folder: Path, max_bytes: int) -> Crate:
    """Read the crate of a job, and write its input files to an existing folder.

    Args:
        path: The archive.
        folder: The folder.
        max_bytes: The maximum size of all input files together.

    Raises:
        NotACrate: The archive is not that of a job, or is damaged.
        TooLarge: The input files are too large; none was written.
    """
    try:
        with ZipFile(path) as archive:
            return _read(archive, folder, max_bytes)
    except (*_DAMAGE, OSError) as error:
        if isinstance(error, OSError) and error.errno != EINVAL:  # that is an offset before the start of the file
            raise
        raise NotACrate(str(error)) from error


def _read(archive: ZipFile, folder: Path, max_bytes: int) -> Crate:
    entities = {entity["@id"]: entity for entity in json.loads(_read_short(archive, METADATA))["@graph"]}
    run = entities["#run"]
    used = [entities[one] for one in _ids(run.get("object", []))]
    tool = entities[run["instrument"]["@id"]]
    software = [entities[one] for one in _ids(tool.get("softwareRequirements", []))]
    software += [entity for entity in used if entity["@id"].startswith("#data-")]
    databases = [entity for entity in used if entity["@id"].startswith("#database-")]
    inputs = [entity for entity in used if entity["@id"].startswith(INPUTS)]
    # A file that unpacks to more than its entry says is damaged.
    if (size := sum(archive.getinfo(entity["@id"]).file_size for entity in inputs)) > max_bytes:
        raise TooLarge(size)
    parameters = _read_short(archive, PARAMETERS)
    _check_sum(entities[PARAMETERS], sha256(parameters).hexdigest())
    return Crate(
        tool=_text(tool["identifier"]),
        params=loads(parameters) | _extract(archive, inputs, folder),
        missing=sum(entity["@id"].startswith("#input-") for entity in used),
        sums=_texts((one, entities[one]["sha256"]) for one in _ids(run.get("result", []))),
        versions=_texts((one["name"], one.get("softwareVersion") or one["version"]) for one in software),
        databases=_texts((one["identifier"], one["sha256"]) for one in databases),
        summary=_text(run["description"]),
        error=_text(run.get("error", "")),
    )


def _ids(value: Entity | list[Entity]) -> Iterator[str]:
    """Yield the ids in a property, which has one reference or a list."""
    yield from (one["@id"] for one in (value if isinstance(value, list) else [value]))


def _text(value: object) -> str:
    """Return a value, or raise TypeError if it is no text."""
    if not isinstance(value, str):
        raise TypeError(f"{str(value)[:80]} is not a text")
    return value


def _texts(pairs: Iterable[tuple[object, object]]) -> dict[str, str]:
    return {_text(name): _text(value) for name, value in pairs}


def _read_short(archive: ZipFile, name: str) -> bytes:
    """Return the content of a JSON file, which would need many times its size in memory."""
    with archive.open(name) as source:
        content = source.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise ValueError(f"{name} has more than {_MOST_BYTES >> 20} MiB")
    return content


def _extract(archive: ZipFile, inputs: list[Entity], folder: Path) -> dict[str, Upload | list[Upload]]:
    """Write the input files, and return them by the name of their parameter."""
    single: dict[str, Upload] = {}
    several: dict[str, list[Upload]] = defaultdict(list)
    for number, entity in enumerate(inputs):
        name, _, is_one_of_several = entity["@id"].removeprefix(INPUTS).partition("/")
        path = folder / f"{number:04}"  # never a path from the archive
        with path.open("wb") as target:
            target.writelines(_checked(archive, entity))
        upload = Upload(path, entity["name"] if entity["name"] != name else "")  # pasted text has that of its field
        if is_one_of_several:
            several[name].append(upload)
        else:
            single[name] = upload
    return {**single, **several}


def _checked(archive: ZipFile, entity: Entity) -> Iterator[bytes]:
    """Yield the content of a file. Raises ValueError at its end if it was changed."""
    digest = sha256()
    with archive.open(entity["@id"]) as source:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            yield chunk
    _check_sum(entity, digest.hexdigest())


def _check_sum(entity: Entity, found: str) -> None:
    if found != entity["sha256"]:
        raise ValueError(f"{entity['@id']} was changed")
