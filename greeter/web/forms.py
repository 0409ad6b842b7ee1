"""The forms of the tools: with the limits of this installation, our error messages, and printable text only."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from functools import partial
from typing import Any, cast

from flask import request
from werkzeug.datastructures import CombinedMultiDict, MultiDict
from wtforms import Field, Form, SelectMultipleField, StringField, TextAreaField
from wtforms.fields.core import UnboundField
from wtforms.i18n import DummyTranslations
from wtforms.validators import StopValidation, ValidationError

from greeter.toolkit import FileField
from greeter.toolkit.tool import Params, Tool
from greeter.toolkit.upload import Upload
from greeter.web.request_body import UploadRequest, UploadStream
from greeter.web.services import services
from greeter.web.template_filters import number, printable

FormData = MultiDict[str, Any]
"""What a form submits: texts and uploads by the name of the field."""

# Messages of WTForms that do not explain what to do, and our replacements.
_MESSAGES = {
    "This field is required.": "Fill in this field.",
    "Not a valid integer value.": "Enter a whole number, such as 10.",
    "Not a valid float value.": "Enter a number, such as 0.001.",
    "Not a valid decimal value.": "Enter a number, such as 0.001.",
    "Number must be at least %(min)s.": "Enter a number that is %(min)s or more.",
    "Number must be at most %(max)s.": "Enter a number that is %(max)s or less.",
    "Number must be between %(min)s and %(max)s.": "Enter a number from %(min)s to %(max)s.",
    "Not a valid choice.": "Choose one of the options.",
    "Not a valid date value.": "Enter a date, such as 2027-01-09.",
    "Not a valid datetime value.": "Enter a date and a time, such as 2027-01-09 16:30.",
    "Not a valid time value.": "Enter a time, such as 16:30.",
    "'%(value)s' is not a valid choice for this field.": "Choose from the options.",
    "'%(value)s' are not valid choices for this field.": "Choose from the options.",
    "Invalid Choice: could not coerce.": "Choose one of the options.",
    "Invalid choice(s): one or more data inputs could not be coerced.": "Choose from the options.",
    "Field cannot be longer than %(max)d character.": "Shorten this to %(max)s characters.",
}


def make_form(
    tool: Tool,
    formdata: FormData | None = None,
    data: Params | None = None,
    new_upload: Callable[[str], Upload] | None = None,
    *,
    takes_paused: bool = False,
) -> Form:
    """Create the form of a tool, not validated yet.

    Args:
        tool: The tool.
        formdata: What a visitor submitted, if anything.
        data: Values of fields by name, used for the fields that are not in `formdata`.
        new_upload: Prepares a file of the form, given its name; None: one of the current request.
        takes_paused: Whether databases can be used that are paused.
    """
    settings = services().settings
    meta = {
        "limits": {
            "records": settings.max_records,
            "residues": settings.max_residues,
            "bytes": settings.max_upload_bytes,
        },
        "databases": services().databases.published,
        "takes_paused": takes_paused,
        "new_upload": new_upload or (lambda name: current_request().uploads.create(name)),
        "get_translations": lambda form: _Messages(),
        "bind_field": _bind_field,
    }
    return tool.form(formdata, data=data, meta=meta)


def accept_files(tool: Tool) -> None:
    """Limit the files, and the texts that may be files, of a submission of a tool's form, which is not read yet."""
    limit = submission_limit(tool)
    long_texts = [name for name, field in file_fields(tool).items() if field.paste]
    current_request().limit_files(max(request.max_content_length or 0, limit), long_texts)


def submitted_data(tool: Tool) -> FormData:
    """Return what the current request submitted for the form of a tool: the values of the fields by name.

    Those that take files have the new ones, and those that the form refers to.
    """
    uploads = current_request().uploads
    files: FormData = MultiDict()
    for name in file_fields(tool):
        streams = [file.stream for file in request.files.getlist(name)]
        sent = [stream.upload for stream in streams if isinstance(stream, UploadStream)]
        kept = [uploads.find(reference, tool, name) for reference in request.form.getlist(f"{name}-kept")]
        files.update({name: [upload for upload in [*sent, *kept] if upload]})
    return CombinedMultiDict([files, request.form])


def current_request() -> UploadRequest:
    """Return the current request."""
    return cast(UploadRequest, request)


def file_fields(tool: Tool) -> dict[str, FileField]:
    """Return the fields of a tool's form that take files, by name."""
    return {name: field for name, field in tool.form()._fields.items() if isinstance(field, FileField)}


def submission_limit(tool: Tool) -> int:
    """Return the maximum size of a submission: MAX_UPLOAD_BYTES or, if fields have limits of their own, their sum."""
    configured = services().settings.max_upload_bytes
    limits = [field.max_bytes for field in file_fields(tool).values()]
    return max(configured, sum(limit or configured for limit in limits)) if any(limits) else configured


def _bind_field(form: Form, unbound: UnboundField[Field], options: dict[str, Any]) -> Field:
    """Check numbers and how many values there are, and remove unprintable characters from text fields."""
    field = unbound.bind(form=form, **options)
    field.validators = [_require_one_value, _make_comparable, *field.validators, _require_finite]
    if isinstance(field, StringField):
        keep = "\n\t" if isinstance(field, TextAreaField) else ""
        field.filters = (*field.filters, partial(printable, keep=keep))
    return field


def _require_one_value(form: Form, field: Field) -> None:
    """Refuse several values where all but the first would be ignored. A file may have the text that it replaces."""
    if isinstance(field, SelectMultipleField) or getattr(field, "multiple", False):
        return
    kinds = Counter(value.is_new if isinstance(value, Upload) else None for value in field.raw_data or ())
    if (most := max(kinds.values(), default=1)) > 1:
        field.errors = []  # about the first value
        raise StopValidation(several_problem(most))


def several_problem(values: int) -> str:
    """Return what to do about several values for a field that takes one."""
    return f"Give one value, not {values}."


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
        return _Message(_MESSAGES[string]) if string in _MESSAGES else string

    def ngettext(self, singular: str, plural: str, n: int) -> str:
        """Return the message to show for a message of WTForms with a number."""
        return _Message(_MESSAGES[singular]) if singular in _MESSAGES else super().ngettext(singular, plural, n)


class _Message(str):
    """A message that shows the limits of a field as the hint next to it does."""

    __slots__ = ()

    def __mod__(self, values: Any) -> str:
        return str(self) % {
            name: number(value) if isinstance(value, int | float | Decimal) else value for name, value in values.items()
        }
