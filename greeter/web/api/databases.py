"""The reference databases, as the API lists them."""

from collections.abc import Mapping

from greeter.jobs.record import Record
from greeter.toolkit.json_types import JSONObject
from greeter.web.api.schemas import COUNT, TEXT, YES, Schema, about, component, list_of, text
from greeter.web.services import services

_COUNTS = ("sequences", "residues", "longest")
_DATABASE: Schema = {
    "id": TEXT,
    "version": TEXT,
    "name": text("The value of an input that takes a database: the id and the version."),
    "title": TEXT,
    "kind": text("protein, dna, rna or any, or a kind of its own."),
    "file": text("The name of its main file."),
    "files": {"type": "object", "description": "The SHA-256 of each file.", "additionalProperties": TEXT},
    **dict.fromkeys(_COUNTS, COUNT | {"type": ["integer", "null"]}),
    **dict.fromkeys(("description", "source", "licence", "released"), TEXT),
}
USED_DATABASE = component("UsedDatabase", _DATABASE)
_OFFERED: Schema = {
    "default": about("Whether a job uses it, or a newer version, if none is given.", YES),
    "paused": text("Why new jobs cannot use it; empty if they can."),
}
DATABASE_LIST = component("DatabaseList", {"databases": list_of(component("Database", _DATABASE | _OFFERED))})


def databases_of(record: Record) -> Mapping[str, JSONObject]:
    """Return the databases that a job used, as USED_DATABASE describes them, by the name of the input."""
    provenance = services().provenance(record.id)
    return {name: {"name": provenance.database_names[name], **about} for name, about in provenance.databases.items()}
