"""The forms of the tools, with the limits of this installation, and what is submitted for them."""

from collections.abc import Callable
from typing import Any, TypeAlias, cast

from flask import request
from werkzeug.datastructures import CombinedMultiDict, MultiDict
from wtforms import BooleanField, Field, Form, RadioField, SelectMultipleField
from wtforms.fields.choices import SelectFieldBase

from greeter.jobs.submission import Filenames
from greeter.toolkit import FileField
from greeter.toolkit.fasta import Limits
from greeter.toolkit.form_context import FormContext
from greeter.toolkit.tool import Params, Tool
from greeter.toolkit.upload import Upload
from greeter.web.input.field_checks import Messages, bind_field
from greeter.web.input.request_body import UploadRequest, UploadStream
from greeter.web.services import services

FormData = MultiDict[str, Any]
"""What a form submits: texts and uploads by the name of the field."""

Submitted: TypeAlias = list[str] | list[Upload]
"""What a browser submits for one field: texts, and uploads for a field that takes files."""


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
    context = FormContext(
        limits=Limits(settings.max_records, settings.max_residues),
        max_bytes=settings.max_upload_bytes,
        new_upload=new_upload or (lambda name: current_request().uploads.create(name)),
        databases=services().databases.published,
        takes_paused=takes_paused,
    )
    meta = {"context": context, "get_translations": lambda form: Messages(), "bind_field": bind_field}
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


def filenames_of(form: Form) -> Filenames:
    """Return the names of a form's files on the visitor's computer, by the name of the parameter."""
    return {field.name: field.filenames for field in form if isinstance(field, FileField)}
