"""Check a tool's form and the signatures of its functions when the tool is loaded."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator

import wtforms
from wtforms.fields.core import UnboundField

from greeter.toolkit.file_field import FileField

_RESERVED = {
    "job": "the first parameter of the function",
    "self": "the first parameter of a method",
    "tool": "a parameter with which each tool is run",
    "help": "the option --help of `flask run-tool`",
    "with_example": "the option --with-example of `flask run-tool`",
    "label": "the field for the name of the job, which each form has",
    "token": "the hidden field of each form, so that submitting it twice creates one job",  # nosec B105
} | {name: f"an attribute of wtforms.Form: {name}" for name in dir(wtforms.Form()) if not name.startswith("_")}
_FILES = (wtforms.FileField, wtforms.MultipleFileField)


def check_parameters(
    function: Callable[..., object], memory: Callable[..., object] | None, form: type[wtforms.Form]
) -> None:
    """Raise TypeError unless a form can be used, and its fields match the parameters of its tool's functions.

    Args:
        function: The function of the tool, whose first parameter is the job.
        memory: The function that estimates the memory of a job, if there is one.
        form: The form.
    """
    check_form(form)
    parameters = list(inspect.signature(function).parameters)[1:]
    fields = list(form()._fields)
    if sorted(parameters) != sorted(fields):
        problem = f"{function.__name__} takes {parameters} after the job, but its form has {fields}."
        raise TypeError(f"{problem} Use the same names in both.")
    if memory is None:
        return
    try:
        inspect.signature(memory).bind(**dict.fromkeys(fields))
    except TypeError as error:
        problem = f"The function for the memory cannot be called with the fields of the form, {fields}: {error}."
        raise TypeError(f"{problem} Give it these parameters, without the job.") from None


def check_form(form: type[wtforms.Form]) -> None:
    """Check the names and kinds of the fields of a form.

    Args:
        form: The form.

    Raises:
        TypeError: The form is not a class, or a field has a name that cannot be used, is a field of WTForms for files,
            or has a field for files inside another one.
    """
    if not isinstance(form, type):
        raise TypeError(f"The form of a tool is a class, not one of its objects. Write form={type(form).__name__}.")
    for name, field in _fields(form).items():
        if use := _RESERVED.get(name):
            raise TypeError(f"{form.__name__}.{name} cannot be a field, because its name is {use}. Rename it.")
        if name.startswith("_"):
            problem = f"{form.__name__}.{name} cannot be a field, because WTForms ignores names that start with _."
            raise TypeError(f"{problem} Rename it.")
        if any(issubclass(inner.field_class, (*_FILES, FileField)) for inner in _inside(field)):
            problem = f"{form.__name__}.{name} would lose the file that is inside its {field.field_class.__name__}."
            raise TypeError(f"{problem} Move the field for the file into {form.__name__}.")
        if issubclass(field.field_class, _FILES):
            ours = "FilesField" if issubclass(field.field_class, wtforms.MultipleFileField) else "FileField"
            raise TypeError(f"{form.__name__}.{name} would lose its file. Use the {ours} of greeter.toolkit instead.")


def _inside(field: UnboundField[wtforms.Field]) -> Iterator[UnboundField[wtforms.Field]]:
    """Yield the fields inside a FieldList or FormField, at any depth."""
    inner: list[UnboundField[wtforms.Field]] = []
    if issubclass(field.field_class, wtforms.FieldList):
        inner = [field.kwargs.get("unbound_field") or field.args[0]]
    elif issubclass(field.field_class, wtforms.FormField):
        inner = list(_fields(field.kwargs.get("form_class") or field.args[0]).values())
    for one in inner:
        yield one
        yield from _inside(one)


def _fields(form: type[wtforms.Form]) -> dict[str, UnboundField[wtforms.Field]]:
    """Return the unbound fields of a form class, including those of its bases."""
    found = {name: value for base in reversed(form.__mro__) for name, value in vars(base).items()}
    return {name: value for name, value in found.items() if hasattr(value, "_formfield")}
