"""The reference databases, as the API lists them."""

from __future__ import annotations

from typing import Any

from greeter.web.services import services

_MEMBERS = ("id", "version", "title", "description", "kind", "sequences", "residues", "source", "licence", "released")


def list_databases() -> list[dict[str, Any]]:
    """List the reference databases of this site.

    Returns:
        For each version of a database, what the schema Database of the API document has. A form takes its `name`.
    """
    return [
        {"name": database.name, "paused": database.paused, "default": database.default}
        | {member: getattr(database, member) for member in _MEMBERS}
        for database in services().databases.published()
    ]
