"""The reference databases, as the API lists them."""

from __future__ import annotations

from typing import Any


def list_databases() -> list[dict[str, Any]]:
    """List the reference databases of this site.

    Returns:
        For each version of a database, what the schema Database of the API document has; empty, because the tools have
        no databases yet.
    """
    return []
