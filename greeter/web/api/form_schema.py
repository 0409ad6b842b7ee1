"""The JSON Schema of a tool's form."""

import wtforms
from wtforms import Field
from wtforms.fields import IntegerRangeField
from wtforms.fields.choices import SelectFieldBase
from wtforms.validators import DataRequired, Length, NumberRange, Regexp

from greeter.toolkit import DatabaseField, FastaField, FastqField, FileField
from greeter.toolkit.json_types import JSON
from greeter.toolkit.tool import Tool
from greeter.web.api.schemas import Schema
from greeter.web.input.forms import make_form, shown_texts

_FORMATS = {FastaField: ("format", "fasta"), FastqField: ("format", "fastq")}
_TIMES = {"%Y-%m-%d": "date", "%H:%M": "local-time", "%Y-%m-%dT%H:%M": "local-date-time"}
_EMPTY = '""'  # how a description writes the empty text
LABEL: Schema = {
    "type": "string",
    "maxLength": 80,
    "description": "A name for the job, shown as the title of its page.",
}
_TYPES: dict[type[Field], str] = {
    wtforms.BooleanField: "boolean",
    wtforms.SelectMultipleField: "array",
    wtforms.IntegerField: "integer",
    IntegerRangeField: "integer",
    wtforms.FloatField: "number",
    wtforms.DecimalField: "number",
}


def inputs_schema(tool: Tool) -> Schema:
    """Return the JSON Schema of the inputs of a tool: an object with a value for each field of the form."""
    form = make_form(tool)
    properties = {field.name: field_schema(field) for field in form if not has_fields(field)}
    required = [name for name, found in properties.items() if form[name].flags.required and "default" not in found]
    inner = {f"^{field.name}-": {"type": "string"} for field in form if has_fields(field)}
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return schema | ({"required": required} if required else {}) | ({"patternProperties": inner} if inner else {})


def has_fields(field: Field) -> bool:
    """Return whether a field has fields of its own, whose names start with its name and a hyphen."""
    return isinstance(field, wtforms.FieldList | wtforms.FormField)


def kind_of(field: Field) -> str:
    """Return the JSON type of a field's value."""
    if isinstance(field, FileField):
        return "array" if field.multiple else "string"
    return next((kind for cls, kind in _TYPES.items() if isinstance(field, cls)), "string")


def json_value(field: Field) -> JSON:
    """Return the value of a field that takes no files, as JSON."""
    kind = kind_of(field)
    if kind in ("boolean", "integer"):
        value: JSON = field.data
        return value
    if kind == "number":
        return float(field.data)
    texts = shown_texts(field)
    return texts if kind == "array" else texts[0]


def field_schema(field: Field) -> Schema:
    """Return the JSON Schema of the value of a field, of a form without input."""
    kind = kind_of(field)
    schema: Schema = {"type": [kind, "null"] if field.flags.optional and kind != "array" else kind}
    schema["title"] = field.label.text
    meanings = "; ".join(f"{value or _EMPTY}: {label}" for value, label in _choices(field).items() if value != label)
    texts = [field.description, getattr(field, "limits", ""), meanings]
    if text := " ".join(filter(None, texts)):
        schema["description"] = text
    if isinstance(field, FileField):
        return schema | _of_file(field)
    if isinstance(field, SelectFieldBase):
        schema |= _of_choice(field, kind)
    elif isinstance(field, wtforms.DateField | wtforms.DateTimeLocalField | wtforms.TimeField):
        schema["format"] = _TIMES.get(field.format[0], field.format[0])
    elif kind == "string" and any(isinstance(one, DataRequired) for one in field.validators):
        schema |= {"format": "visible-text", "minLength": 1}  # a text of blanks alone would be empty
    for validator in field.validators:
        schema |= _of_validator(validator, kind)
    shown = shown_texts(field) if isinstance(field, SelectFieldBase) else field.data not in (None, "", [])
    return schema | ({"default": json_value(field)} if shown else {})


def _choices(field: Field) -> dict[str, str]:
    """Return what can be chosen, and its label. A database can be chosen without a version, too."""
    choices = list(field.iter_choices()) if isinstance(field, SelectFieldBase) else []
    databases = field.databases if isinstance(field, DatabaseField) else []
    newest = {database.id: "the newest version that is not paused" for database in databases}
    return {str(value): str(label) for value, label, *_ in choices} | newest


def _of_file(field: FileField) -> Schema:
    text: Schema = {name: value for cls, (name, value) in _FORMATS.items() if isinstance(field, cls)}
    if field.multiple:
        return {"items": {"type": "string", "minLength": 1, **text}}
    return text | ({"minLength": 1} if field.flags.required else {})


def _of_choice(field: SelectFieldBase, kind: str) -> Schema:
    values = [*_choices(field)]
    known: Schema = {"enum": values} if values and getattr(field, "validate_choice", True) else {}
    return {"items": {"type": "string", **known}} if kind == "array" else known


def _of_validator(validator: object, kind: str) -> Schema:
    found: Schema = {}
    if isinstance(validator, NumberRange):
        found = {"minimum": validator.min, "maximum": validator.max}
    elif isinstance(validator, Length) and kind == "string":
        found = {"minLength": validator.min, "maxLength": validator.max}
    elif isinstance(validator, Regexp):
        found = {"pattern": f"^(?:{validator.regex.pattern})"}
    return {name: value for name, value in found.items() if value not in (None, -1)}
