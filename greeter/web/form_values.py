"""What a browser submits for a field that the visitor leaves as it is."""

from __future__ import annotations

from typing import Any

from wtforms import BooleanField, RadioField, SelectMultipleField
from wtforms.fields.choices import SelectFieldBase

from greeter.toolkit import FileField


def shown_values(field: Any) -> list[Any]:
    """Return what a browser submits for a field as the form shows it: texts, and uploads for a field that takes files.

    A field that has fields of its own has no such values.
    """
    if isinstance(field, BooleanField):
        return ["y"] * bool(field.data)
    if isinstance(field, FileField):
        return field.uploads
    if isinstance(field, SelectFieldBase):
        choices: list[Any] = list(field.iter_choices())
        selected = [choice for choice in choices if choice.selected]
        first = [] if isinstance(field, RadioField | SelectMultipleField) else choices[:1]
        return [str(choice.value) for choice in selected or first]
    return [field._value()]
