"""What form fields get from the site: limits, uploads and databases."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from wtforms import Field

from greeter.toolkit.database import Database
from greeter.toolkit.fasta import Limits
from greeter.toolkit.upload import Upload


@dataclass(frozen=True, kw_only=True)
class FormContext:
    """What a site gives the fields of a form, as the `context` in its `meta`."""

    limits: Limits  # of the sequences in one field
    max_bytes: int  # of a file whose field has no limit of its own
    new_upload: Callable[[str], Upload]  # prepares a file, given its name
    databases: Callable[[], list[Database]]  # the versions that are published
    takes_paused: bool = False  # whether databases can be used that are paused


def context_of(field: Field) -> FormContext:
    """Return the context of a field. A form that is only inspected has no site: no files and no databases."""
    found: FormContext = getattr(field.meta, "context", _NO_SITE)
    return found


def _no_upload(name: str) -> Upload:
    return Upload(Path(), name, error=FileNotFoundError("this form has no site"))


_NO_SITE = FormContext(limits=Limits(0, 0), max_bytes=0, new_upload=_no_upload, databases=list)
