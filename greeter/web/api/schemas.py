"""The JSON Schemas of what the API answers. Each is declared next to the function that makes such an answer."""

from typing import Any

Schema = dict[str, Any]  # of JSON values

SCHEMAS: dict[str, Schema] = {}
"""The components of the OpenAPI document, by name."""

TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
YES: Schema = {"type": "boolean"}
ADDRESS: Schema = {"type": "string", "format": "uri"}
TIME: Schema = {"type": "string", "format": "date-time"}


def about(description: str, schema: Schema, **more: object) -> Schema:
    """Return a schema with a description and any further members."""
    return schema | {"description": description, **more}


def text(description: str, **more: object) -> Schema:
    """Return the schema of a text."""
    return about(description, TEXT, **more)


def list_of(items: Schema) -> Schema:
    """Return the schema of an array."""
    return {"type": "array", "items": items}


def object_of(required: Schema, optional: Schema | None = None) -> Schema:
    """Return the schema of an object with these properties."""
    return {"type": "object", "properties": required | (optional or {}), "required": list(required)}


def component(name: str, required: Schema, optional: Schema | None = None) -> Schema:
    """Make the schema of an object a component of the document, and return a reference, which stands for it."""
    SCHEMAS[name] = object_of(required, optional)
    return {"$ref": f"#/components/schemas/{name}"}
