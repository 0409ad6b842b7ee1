"""The forms of the tools: with the limits of this installation, our error messages, and printable text only."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from functools import partial
from typing import Any

from flask import request
from werkzeug.datastructures import CombinedMultiDict, MultiDict
from wtforms import Field, Form, StringField, TextAreaField
from wtforms.fields.core import UnboundField
from wtforms.i18n import DummyTranslations
from wtforms.validators import ValidationError

from greeter.toolkit import ProteinFastaField
from greeter.toolkit.tool import Tool
from greeter.web.services import services
from greeter.web.template_filters import printable

# Messages of WTForms that do not explain what to do, and our replacements.
_MESSAGES = {
    "This field is required.": "Fill in this field.",
    "Not a valid integer value.": "Enter a whole number, such as 10.",
    "Not a valid float value.": "Enter a number, such as 0.001.",
    "Not a valid decimal value.": "Enter a number, such as 0.001.",
    "Number must be at least %(min)s.": "Enter a number that is %(min)s or more.",
    "Number must be at most %(max)s.": "Enter a number that is %(max)s or less.",
    "Number must be between %(min)s and %(max)s.": "Enter a number from %(min)s to %(max)s.",
    "Field cannot be longer than %(max)d character.": "Shorten this to %(max)d characters.",
}


def make_form(tool: Tool, formdata: MultiDict[str, Any] | None = None, data: Mapping[str, Any] | None = None) -> Form:
    """Create the form of a tool.

    Args:
        tool: The tool.
        formdata: What a visitor submitted, if anything.
        data: Values of fields by name, used for the fields that are not in `formdata`.

    Returns:
        The form, not validated yet.
    """
    settings = services().settings
    meta = {
        "limits": {"records": settings.max_records, "residues": settings.max_residues},
        "get_translations": lambda form: _Messages(),
        "bind_field": _bind_field,
    }
    return tool.form(formdata, data=data, meta=meta)


def submitted_data(tool: Tool) -> MultiDict[str, Any]:
    """Read what the current request submitted.

    Args:
        tool: The tool of the form.

    Returns:
        The values of the fields by name. Files are included only for the fields that take one.
    """
    file_fields = {name for name, field in tool.form()._fields.items() if isinstance(field, ProteinFastaField)}
    files = MultiDict((name, file) for name, file in request.files.items(multi=True) if name in file_fields)
    return CombinedMultiDict([files, request.form])


def _bind_field(form: Form, unbound: UnboundField[Any], options: dict[str, Any]) -> Field:
    """Check numbers, and remove unprintable characters from text fields.

    A ProteinFastaField rejects unprintable characters, and names the line instead.
    """
    field: Field = unbound.bind(form=form, **options)
    field.validators = [_make_comparable, *field.validators, _require_finite]
    if isinstance(field, StringField) and not isinstance(field, ProteinFastaField):
        keep = "\n\t" if isinstance(field, TextAreaField) else ""
        field.filters = (*field.filters, partial(printable, keep=keep))
    return field


def _make_comparable(form: Form, field: Field) -> None:
    """Replace a number that other validators cannot compare with others."""
    with suppress(TypeError):  # not a number
        try:
            math.isfinite(field.data)
        except (OverflowError, ValueError):  # an int of more than 308 digits; a signalling NaN
            field.data = math.nan


def _require_finite(form: Form, field: Field) -> None:
    """Reject numbers that are not finite, unless another validator did."""
    if isinstance(field.data, float | Decimal) and not math.isfinite(field.data) and not field.errors:
        raise ValidationError("This number is too large, or not a number. Enter a number such as 10.")


class _Messages(DummyTranslations):
    """Replace some messages of WTForms."""

    def gettext(self, string: str) -> str:
        """Return the message to show for a message of WTForms."""
        return _MESSAGES.get(string, string)

    def ngettext(self, singular: str, plural: str, n: int) -> str:
        """Return the message to show for a message of WTForms with a number."""
        return _MESSAGES.get(singular) or super().ngettext(singular, plural, n)
