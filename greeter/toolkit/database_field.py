"""A form field that offers the reference databases of the site."""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from wtforms import SelectField
from wtforms.fields.choices import Choice  # type: ignore[attr-defined]  # stale stubs
from wtforms.form import BaseForm
from wtforms.validators import ValidationError

from greeter.toolkit.database import Database
from greeter.toolkit.form_context import context_of

_MISSING = "This site does not have this database. Choose another one."
_NONE_YET = "This site has no database for this yet."


class DatabaseField(SelectField):
    """A form field for a reference database of the site, of which each version is an option.

    The tool's function receives a `Database`, which has the Path of the file and what is known of it, or None. The form
    chooses the newest version of the default database unless the user does. A value without a version, as in
    `swissprot`, means the newest version that is not paused. The record of a job keeps the version.

    Args:
        label: The label of the field.
        validators: A list of WTForms validators.
        kind: The kind of database. "protein", "dna", "rna" and "any", which takes the letters of all three, are FASTA
            files; any other word is a kind of your own.
        none: The option for no database, such as "None". If empty, a database is required.
        longest: The maximum length of a sequence in residues: `flask add-database` refuses longer ones.
        check: For a kind of your own, a function that gets the Path of a new file, and raises `ToolError`.
        index: A function that gets the Path of a new file, and writes what the tool's program needs beside it, such as
            the files of makeblastdb. `flask add-database` calls it before the version can be used. Tools that need the
            same index share the function.
        **kwargs: Other arguments of WTForms fields, such as `description`.
    """

    def __init__(
        self,
        label: str | None = None,
        validators: Sequence[Callable[..., object]] | None = None,
        *,
        kind: str,
        none: str = "",
        longest: int | None = None,
        check: Callable[[Path], object] | None = None,
        index: Callable[[Path], object] | None = None,
        **kwargs: Any,
    ) -> None:
        self.kind, self.none, self.longest, self.check, self.index = kind, none, longest, check, index
        super().__init__(label, list(validators or ()), choices=[], **{"default": self._default, **kwargs})

    @cached_property
    def databases(self) -> list[Database]:
        """The versions that are offered, including paused ones, by title, the newest one of each database first."""
        return [database for database in context_of(self).databases() if database.kind == self.kind]

    def _default(self) -> Database | None:
        usable = [database for database in self.databases if not database.paused]
        preferred = {database.id for database in self.databases if database.default}
        return next((database for database in usable if database.id in preferred), usable[0] if usable else None)

    def process_data(self, value: Database | str | None) -> None:
        """Choose a database, given also by its name, with or without the version."""
        name = value.name if isinstance(value, Database) else value or ""
        self.data = self._find(name)
        self._missing = bool(name) and self.data is None

    def process_formdata(self, valuelist: list[str]) -> None:
        """Choose what the form sends; nothing if it sends nothing."""
        self.process_data(valuelist[0] if valuelist else None)

    def _find(self, name: str) -> Database | None:
        found = [database for database in self.databases if name in (database.name, database.id)]
        return next((database for database in found if not database.paused), found[0] if found else None)

    def pre_validate(self, form: BaseForm) -> None:
        """Reject a database that does not exist or is paused, and an empty choice if a database is required."""
        if self._missing:
            raise ValidationError(_MISSING)
        if self.data is None and not self.none:
            raise ValidationError("Choose a database." if self.databases else _NONE_YET)
        if self.data is not None and self.data.paused and not context_of(self).takes_paused:
            raise ValidationError(f"{_paused(self.data)} Choose another one.")

    def iter_choices(self) -> Iterator[Choice]:
        """Yield the options. One that is paused can be chosen, so that a form that comes back still shows it."""
        if self.none:
            yield Choice("", self.none, self.data is None, {})
        for database in self.databases:
            notes = ", ".join(filter(None, [database.size, "paused" if database.paused else ""]))
            yield Choice(database.name, f"{database} ({notes})" if notes else str(database), database == self.data, {})

    @property
    def limits(self) -> str:
        """Why databases are paused, or that there is none, as sentences for the form."""
        return " ".join(_paused(one) for one in self.databases if one.paused) if self.databases else _NONE_YET


def _paused(database: Database) -> str:
    return f"{database} is paused: {database.paused}"
