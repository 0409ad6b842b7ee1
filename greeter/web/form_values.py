"""What a browser submits for a field that the visitor leaves as it is."""

from typing import TypeAlias

from wtforms import BooleanField, Field, RadioField, SelectMultipleField
from wtforms.fields.choices import SelectFieldBase

from greeter.toolkit import FileField
from greeter.toolkit.upload import Upload

Submitted: TypeAlias = list[str] | list[Upload]
"""What a browser submits for one field: texts, and uploads for a field that takes files."""


def shown_values(field: Field) -> Submitted:
    """Return what a browser submits for a field as the form shows it."""
    return field.uploads if isinstance(field, FileField) else shown_texts(field)


def shown_texts(field: Field) -> list[str]:
    """Return the same for a field that takes no files and contains no other fields."""
    if isinstance(field, BooleanField):
        return ["y"] * bool(field.data)
    if isinstance(field, SelectFieldBase):
        choices = [(str(value), is_selected) for value, _, is_selected, *_ in field.iter_choices()]
        selected = [value for value, is_selected in choices if is_selected]
        first = [] if isinstance(field, RadioField | SelectMultipleField) else [value for value, _ in choices[:1]]
        return selected or first
    return [field._value()]  # type: ignore[attr-defined]  # missing in the stubs
