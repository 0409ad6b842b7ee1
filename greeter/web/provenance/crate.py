"""Pack an ended job as an RO-Crate: a ZIP archive with its files and a description of how they were made."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from flask import Response
from kombu.utils.json import dumps

from greeter.jobs.files.media_types import media_type
from greeter.jobs.params import paths_in
from greeter.jobs.record import Record
from greeter.jobs.records.reader import JobReader, Provenance
from greeter.toolkit.json_types import JSON
from greeter.web.job_context import files_of
from greeter.web.provenance.crate_graph import METADATA, Entity, Graph, entity
from greeter.web.provenance.crate_run import describe
from greeter.web.results.downloads import Entry, send_zip
from greeter.web.services import services

PARAMETERS = "parameters.json"
RESULT = "result.json"
OUTPUTS = "outputs/"
INPUTS = "inputs/"
_JSON = "application/json"


@dataclass(frozen=True)
class Part:
    """A file of the archive."""

    entity: Entity  # what is said about it. Its `@id` is its path in the archive, which needs no escapes in a URI
    content: Path | bytes  # the file, or its bytes
    role: str = ""  # the property of the run that names it; see `Graph.add_file`


def send(record: Record) -> Response:
    """Send the crate of an ended job, which is made while it is sent."""
    reader = services().reader_for(record.id)
    provenance = services().provenance(record.id)
    inputs = list(_inputs(record, reader, provenance))
    missing = [part.entity | {"@type": "CreativeWork"} for part in inputs if not part.content]
    parts = [*(part for part in inputs if part.content), *_others(record, reader, provenance)]
    return send_zip(_entries(parts, describe(record, provenance, missing)), record)


def result_bytes(result: JSON) -> bytes:
    """Return the content of `result.json` for what a tool returned."""
    return json.dumps(result, indent=1).encode()


def _inputs(record: Record, reader: JobReader, provenance: Provenance) -> Iterator[Part]:
    """Yield each input file, without content if it was removed."""
    is_there = provenance.checksums and reader.files.has_inputs(record.id, provenance.checksums)
    stored = reader.files.inputs(record.id) if is_there else {}
    paths = {name: paths_in(value) for name, value in stored.items()}
    for number, (name, filename, checksum) in enumerate(provenance.files):
        kind = media_type(filename) if filename else "text/plain"
        file = _file(f"#input-{number}", filename or name, kind, f"Input: {name}.") | {"sha256": checksum}
        if not is_there:
            yield Part(file, b"")
            continue
        path = paths[name].pop(0)
        several = isinstance(provenance.checksums[name], list)
        yield Part(file | {"@id": INPUTS + (f"{name}/{path.name}" if several else name)}, path, "object")


def _others(record: Record, reader: JobReader, provenance: Provenance) -> Iterator[Part]:
    """Yield the other parameters, the result with its files, and the commands."""
    given = dumps(provenance.given).encode()
    yield Part(_file(PARAMETERS, "Parameters", _JSON, "The parameters that are not files."), given, "object")
    if record.has_result:
        returned = _file(RESULT, "Result", _JSON, "What the tool returned.")
        yield Part(returned, result_bytes(record.result), "result")
        for file in files_of(record):
            yield Part(_file(OUTPUTS + file.name, file.name, file.media_type, file.about), file.path, "result")
    if commands := reader.files.commands(record.id, record.attempt):
        about = "The commands that the job has run."
        yield Part(_file("commands.txt", "Commands", "text/plain", about), commands.encode())


def _file(path: str, name: str, kind: str, about: str) -> Entity:
    return entity(path, "File", name, encodingFormat=kind, description=about or None)


def _entries(parts: Iterable[Part], graph: Graph) -> Iterator[Entry]:
    """Yield each file and finally the metadata, which has their sizes and sums."""
    for part in parts:
        with BytesIO(part.content) if isinstance(part.content, bytes) else part.content.open("rb") as file:
            entry = Entry(part.entity["@id"], part.entity["encodingFormat"], file)
            yield entry
        graph.add_file(_measured(part.entity, entry), part.role)
    yield Entry(METADATA, _JSON, BytesIO(json.dumps(graph.document, indent=1).encode()))


def _measured(file: Entity, entry: Entry) -> Entity:
    """Add the size and the checksum of a file, and a note if the tool has changed an input."""
    submitted = file.get("sha256", entry.sum)
    note = f" The tool changed it. Its SHA-256 was {submitted} when it was submitted." * (submitted != entry.sum)
    description = f"{file['description'] or ''}{note}" or None
    return file | {"description": description, "contentSize": str(entry.size), "sha256": entry.sum}
