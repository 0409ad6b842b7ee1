"""What the form of a tool cannot have, found when the tool is loaded."""

from __future__ import annotations

from typing import Any

import wtforms

_TAKEN = {
    "job": "the first parameter of the function",
    "label": "the field for the name of the job, which each form has",
    "token": "the hidden field of each form, so that submitting it twice creates one job",  # nosec B105
} | {name: f"an attribute of wtforms.Form: {name}" for name in dir(wtforms.Form()) if not name.startswith("_")}
_FILES = (wtforms.FileField, wtforms.MultipleFileField)


def check_form(form: type[wtforms.Form]) -> None:
    """Check the names and kinds of the fields of a form.

    Args:
        form: The form.

    Raises:
        TypeError: A field has a name that is taken, or is a field of WTForms for files.
    """
    for name, field in _fields(form).items():
        if name in _TAKEN:
            raise TypeError(f"{form.__name__}.{name} cannot be a field, because its name is {_TAKEN[name]}. Rename it.")
        if issubclass(field.field_class, _FILES):
            ours = "FilesField" if issubclass(field.field_class, wtforms.MultipleFileField) else "FileField"
            raise TypeError(f"{form.__name__}.{name} would lose its file. Use the {ours} of greeter.toolkit instead.")


def _fields(form: type[wtforms.Form]) -> dict[str, Any]:
    """Return the unbound fields of a form class, including those of its bases."""
    found = {name: value for base in reversed(form.__mro__) for name, value in vars(base).items()}
    return {name: value for name, value in found.items() if hasattr(value, "_formfield")}
