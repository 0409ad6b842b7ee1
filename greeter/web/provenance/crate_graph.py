"""The metadata document of an RO-Crate 1.1 (https://w3id.org/ro/crate/1.1) with the run of one process."""

from typing import Any

Entity = dict[str, Any]

METADATA = "ro-crate-metadata.json"
_CRATE = "https://w3id.org/ro/crate/1.1"
_CONTEXT = [f"{_CRATE}/context", {"sha256": "http://schema.org/sha256"}]


class Graph:
    """The metadata, to which the files are added as they are read.

    Args:
        root: The entity of the crate itself.
        action: The entity of the run, whose lists `object` and `result` get the files.
        others: All other entities.
    """

    def __init__(self, root: Entity, action: Entity, others: list[Entity]) -> None:
        self._root, self._action, self._others = root, action, others
        self._files: list[Entity] = []

    def add_file(self, file: Entity, role: str) -> None:
        """Add a file that the archive has. Its role is the property of the run that names it; it may be empty."""
        self._files.append(file)
        if role:
            self._action[role].append(reference(file))

    @property
    def document(self) -> Entity:
        """The JSON-LD document, flattened and compacted."""
        descriptor = {"@id": METADATA, "@type": "CreativeWork", "conformsTo": {"@id": _CRATE}, "about": {"@id": "./"}}
        root = self._root | {"hasPart": [reference(file) for file in self._files]}
        # The profile calls a run that creates nothing an ActivateAction.
        action = self._action | {"@type": "CreateAction" if self._action["result"] else "ActivateAction"}
        graph = [descriptor, root, action, *self._files, *self._others]
        return {"@context": _CONTEXT, "@graph": [_compact(entity) for entity in graph]}


def entity(id_: str, type_: str, name: str, **properties: object) -> Entity:
    """Return an entity. Properties that are None or an empty list are not known."""
    return {"@id": id_, "@type": type_, "name": name, **properties}


def reference(entity: Entity) -> dict[str, str]:
    """Return a reference to an entity."""
    return {"@id": entity["@id"]}


def _compact(entity: Entity) -> Entity:
    """Leave out what is not known, and the list around a single value."""
    known = {name: value for name, value in entity.items() if value not in (None, [])}
    return {name: value[0] if isinstance(value, list) and len(value) == 1 else value for name, value in known.items()}
