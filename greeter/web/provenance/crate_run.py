"""Describe an ended job as the run of a process, in the terms of schema.org.

The description conforms to Process Run Crate 0.5 (https://w3id.org/ro/wfrun/process/0.5). Its agent says that
none is recorded. It does not have the address of the job's page, which would give access to it.
"""

import json
from collections.abc import Iterator
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

from flask import request, url_for

from greeter.jobs.phase import Phase
from greeter.jobs.record import Record
from greeter.jobs.records.reader import Provenance
from greeter.toolkit import Database
from greeter.toolkit.json_types import JSON
from greeter.web.provenance.crate_graph import Entity, Graph, entity, reference
from greeter.web.services import services

_PROFILE = entity("https://w3id.org/ro/wfrun/process/0.5", "CreativeWork", "Process Run Crate", version="0.5")
_LICENCE = entity(
    "#licence",
    "CreativeWork",
    "No licence",
    description="Who submitted the job decides how these files may be used. Add a licence before you publish them.",
)
_AGENT = entity(  # a placeholder: the profile recommends an agent that is a person or an organization
    "#none",
    "Person",
    "None recorded",
    description="This site has no accounts, and does not record who submits a job.",
)
_ENDS = {
    Phase.FINISHED: "The job finished.",
    Phase.STOPPED: "The job was stopped at its time limit.",
    Phase.CANCELLED: "The job was cancelled.",
    Phase.FAILED: "The job failed.",
}
_UNKNOWN = "not recorded"


def describe(record: Record, provenance: Provenance, missing: list[Entity]) -> Graph:
    """Describe an ended job. Its files have to be added.

    `missing` has entities of the input files that the archive does not have.
    """
    host = url_for("pages.index", _external=True)
    site = entity(host, "Organization", services().settings.site_name, url=host)
    instrument, *needed = _software(record, provenance)
    inputs = [*_parameters(provenance), *_data(record, provenance), *missing]
    summary = f"{instrument['name']}, run by {request.host}. {_ENDS[record.phase]} {_extent(record)}"
    run = entity(
        "#run",
        "CreateAction",
        f"Run of {instrument['name']}",
        description=summary,
        instrument=reference(instrument),
        agent=reference(_AGENT),
        startTime=record.times["started"].isoformat() if "started" in record.times else None,
        endTime=record.times["ended"].isoformat(),
        object=[reference(one) for one in inputs],
        result=[],
        **_status(record),
    )
    root = entity(
        "./",
        "Dataset",
        record.label or f"{instrument['name']}, {f'job {record.reference}' if record.kept_until else 'sample'}",
        description=summary,
        dateCreated=record.times["submitted"].isoformat(),
        datePublished=record.times["ended"].date().isoformat(),
        author=reference(site),
        publisher=reference(site),
        license=reference(_LICENCE),
        conformsTo=reference(_PROFILE),
        mentions=reference(run),
    )
    return Graph(root, run, [_PROFILE, _LICENCE, _AGENT, site, instrument, *needed, *inputs])


def _extent(record: Record) -> str:
    if not record.has_result:
        return "There is no result."
    return "The result is partial." if record.partial else "The result is complete."


def _status(record: Record) -> Entity:
    """Return whether there is a result and, if there is none, why."""
    if record.has_result:
        return {"actionStatus": "http://schema.org/CompletedActionStatus"}
    bug = f"Something went wrong at {request.host}. The reference is {record.reference}."
    error = _ENDS[record.phase] if record.phase == Phase.CANCELLED else record.user_message or bug
    return {"actionStatus": "http://schema.org/FailedActionStatus", "error": error}


def _parameters(provenance: Provenance) -> Iterator[Entity]:
    for name, value in provenance.params.items():
        yield entity(f"#parameter-{quote(name)}", "PropertyValue", name, value=_value(value))


def _value(value: object) -> JSON:
    """Return the value of a parameter as schema.org writes it: a text, a number or a boolean."""
    match value:
        case str() | int() | float():
            return value
        case date() | time():
            return value.isoformat()
        case Decimal():
            return str(value)
    return json.dumps(value, default=str)


def _software(record: Record, provenance: Provenance) -> Iterator[Entity]:
    """Yield the tool, and then the software that it needs."""
    tool = services().tools.get(record.tool)
    url = url_for("pages.tool", name=record.tool, _external=True)
    versions = {name: version for name, version in provenance.versions.items() if not (tool and name in tool.data)}
    needed = [  # the profile wants URIs, and few programs have one
        entity(f"{url}#{quote(name)}", "SoftwareApplication", name, softwareVersion=version, url=url)
        for name, version in versions.items()
    ]
    of_site = versions.get(services().settings.site_name)
    own = next((version for name, version in versions.items() if name.endswith(".py")), of_site)
    yield entity(
        url,
        "SoftwareApplication",
        tool.title if tool else record.tool,
        identifier=record.tool,
        description=tool.summary if tool else None,
        softwareVersion=own or _UNKNOWN,
        url=url,
        softwareRequirements=[reference(one) for one in needed],
    )
    yield from needed


def _data(record: Record, provenance: Provenance) -> Iterator[Entity]:
    """Yield the reference data."""
    tool = services().tools.get(record.tool)
    for name in tool.data if tool else ():
        version = provenance.versions.get(name, _UNKNOWN)
        yield entity(f"#data-{quote(name)}", "CreativeWork", name, version=version)
    for name, about in provenance.databases.items():
        database = Database.from_description(about, Path())
        yield entity(
            f"#database-{quote(name)}",
            "CreativeWork",
            database.title,
            version=database.version,
            identifier=database.name,
            description=f"The reference database in {name}.",
            sha256=database.files[database.file],
            datePublished=database.released or None,
            url=database.source or None,
            license=database.licence or None,
        )
