"""What each field of each form gets: checks that WTForms does not have, printable text, and messages that help."""

import math
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from functools import partial
from typing import Any

from wtforms import DecimalField, Field, Form, FormField, SelectMultipleField, StringField, TextAreaField
from wtforms.fields.core import UnboundField
from wtforms.i18n import DummyTranslations
from wtforms.validators import StopValidation, ValidationError

from greeter.toolkit.upload import Upload
from greeter.web.template_filters import number, printable

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


def bind_field(form: Form, unbound: "UnboundField[Field]", options: dict[str, Any]) -> Field:
    """Check numbers and how many values there are, and remove unprintable characters from text fields.

    A DecimalField shows all digits, unless its `places` are given. WTForms would show two, so that editing a job would
    change 0.001 to 0.00.
    """
    field = unbound.bind(form=form, **options)
    if isinstance(field, DecimalField) and "places" not in unbound.kwargs:
        field.places = None
    field.validators = [_require_one_value, _make_comparable, *field.validators, _require_finite]
    if isinstance(field, StringField):
        keep = "\n\t" if isinstance(field, TextAreaField) else ""
        field.filters = (*field.filters, partial(printable, keep=keep))
    if isinstance(field, FormField):  # its form would have the defaults of WTForms
        field.form_class = partial(_inner_form, field.form_class, vars(form.meta))  # type: ignore[assignment]
    return field


def _inner_form(form_class: type[Form], outer: dict[str, Any], meta: dict[str, Any], **options: Any) -> Form:
    return form_class(meta=outer | meta, **options)


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
    """Replace a number that other validators could not compare by NaN."""
    with suppress(TypeError):  # not a number
        try:
            math.isfinite(field.data)
        except (OverflowError, ValueError):  # an int of more than 308 digits; a signalling NaN
            field.data = math.nan


def _require_finite(form: Form, field: Field) -> None:
    """Reject numbers that are not finite, unless another validator did."""
    if isinstance(field.data, float | Decimal) and not math.isfinite(field.data) and not field.errors:
        raise ValidationError("This number is too large, or not a number. Enter a number such as 10.")


class Messages(DummyTranslations):
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

    def __mod__(self, values: Mapping[str, object]) -> str:
        return str(self) % {
            name: number(value) if isinstance(value, int | float | Decimal) else value for name, value in values.items()
        }
