"""The reference databases, as the API lists them."""

from __future__ import annotations

from typing import Any

from greeter.jobs.record import Record
from greeter.web.services import services


def list_databases() -> list[dict[str, Any]]:
    """List the reference databases of this site.

    Returns:
        For each version of a database, what the schema Database of the API document has.
    """
    return [{"name": one.name} | one.about for one in services().databases.published()]


def databases_of(record: Record) -> dict[str, dict[str, Any]]:
    """Describe the versions of databases that a job used, by the name of the input.

    Args:
        record: The record of the job.

    Returns:
        For each of them, what the schema UsedDatabase of the API document has.
    """
    used = services().reader_for(record.id).provenance(record.id).databases
    return {name: {"name": f"{about['id']}/{about['version']}", **about} for name, about in used.items()}
