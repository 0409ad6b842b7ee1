"""The form of a tool on its page: the limits of this installation, our words, and no character that cannot be shown."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from flask import request
from werkzeug.datastructures import CombinedMultiDict, MultiDict
from wtforms import Field, Form, StringField, TextAreaField
from wtforms.fields.core import UnboundField
from wtforms.i18n import DummyTranslations

from greeter.toolkit import ProteinFastaField
from greeter.toolkit.tool import Tool
from greeter.web.services import services
from greeter.web.template_filters import printable


def make_form(found: Tool, formdata: Any = None, data: Mapping[str, Any] | None = None) -> Form:
    """A tool's form, with the limits of this installation."""
    settings = services().settings
    meta = {
        "limits": {"records": settings.max_records, "residues": settings.max_residues},
        "get_translations": lambda form: _Messages(),
        "bind_field": _bind,
    }
    return found.form(formdata, data=data, meta=meta)


def submitted(found: Tool) -> CombinedMultiDict[str, Any]:
    """What was entered, with the files for the fields that take one."""
    takers = {name for name, field in found.form()._fields.items() if isinstance(field, ProteinFastaField)}
    files = MultiDict((name, file) for name, file in request.files.items(multi=True) if name in takers)
    return CombinedMultiDict([files, request.form])


def _bind(form: Form, unbound: UnboundField[Any], options: dict[str, Any]) -> Field:
    field: Field = unbound.bind(form=form, **options)
    if isinstance(field, StringField) and not isinstance(field, ProteinFastaField):  # which says in which line it is
        keep = "\n\t" if isinstance(field, TextAreaField) else ""
        field.filters = (*field.filters, partial(printable, keep=keep))
    return field


class _Messages(DummyTranslations):
    """WTForms' own messages, where they do not say what to do."""

    def gettext(self, string: str) -> str:
        """A message in our words."""
        ours = {
            "This field is required.": "Fill in this field.",
            "Not a valid integer value.": "Write a whole number, such as 10.",
            "Not a valid float value.": "Write a number, such as 0.001.",
            "Number must be between %(min)s and %(max)s.": "Write a number from %(min)s to %(max)s.",
            "Field cannot be longer than %(max)d character.": "Shorten this to %(max)d characters.",
        }
        return ours.get(string, string)

    def ngettext(self, singular: str, plural: str, n: int) -> str:
        """A message about a number of things."""
        ours = self.gettext(singular)
        return super().ngettext(singular, plural, n) if ours == singular else ours
