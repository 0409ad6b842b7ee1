"""A tool whose form has every standard field."""

from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from wtforms import (
    BooleanField,
    DateField,
    DateTimeLocalField,
    DecimalField,
    EmailField,
    FloatField,
    Form,
    HiddenField,
    IntegerField,
    IntegerRangeField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
    TimeField,
    URLField,
)
from wtforms.validators import DataRequired, NumberRange, Optional

from greeter.toolkit import FastqField, FileField, FilesField, Job, tool

MATRICES = [("BLOSUM62", "BLOSUM62, for most searches"), ("PAM30", "PAM30, for short queries")]
MOLECULES = [("dna", "DNA"), ("rna", "RNA")]
ORGANISMS = [("9606", "Human"), ("10090", "Mouse"), ("7955", "Zebrafish")]


class EveryField(Form):
    """One field of each kind."""

    line = StringField("A line", description="Any text.")
    text = TextAreaField("A text")
    whole = IntegerField("A whole number", [NumberRange(0, 100)], default=10, render_kw={"step": 5})
    number = FloatField("A number", [Optional(), NumberRange(0, 1)], default=0.5, render_kw={"step": 0.1})
    exact = DecimalField("An exact number", [Optional()], places=None, default=Decimal("0.10"))
    slider = IntegerRangeField("A slider", [NumberRange(0, 10)], default=3)
    matrix = SelectField("A choice", choices=lambda: MATRICES, default="PAM30")
    molecule = RadioField("A choice of buttons", [DataRequired()], choices=MOLECULES, default="dna")
    organisms = SelectMultipleField("Several choices", choices=ORGANISMS, description="Hold Ctrl to choose several.")
    fast = BooleanField("Search fast", description="Less sensitive.")
    day = DateField("A date", [Optional()])
    moment = DateTimeLocalField("A moment", [Optional()], format="%Y-%m-%dT%H:%M")
    clock = TimeField("A time", [Optional()])
    mail = EmailField("A mail address")
    page = URLField("An address")
    secret = HiddenField("Not shown", default="hidden value")
    table = FileField("A table", suffixes=[".tsv"])
    several = FilesField("Several files", max_bytes=20_000_000)
    reads = FastqField("Reads")


@tool(
    "Has every field", form=EveryField, example={"organisms": ["9606", "7955"], "day": date(2027, 1, 9), "fast": True}
)
def report(
    job: Job,
    line: str,
    text: str,
    whole: int,
    number: float,
    exact: Decimal,
    slider: int,
    matrix: str,
    molecule: str,
    organisms: list[str],
    fast: bool,
    day: date | None,
    moment: datetime | None,
    clock: time | None,
    mail: str,
    page: str,
    secret: str,
    table: Path | None,
    several: list[Path],
    reads: Path | None,
) -> dict[str, Any]:
    """Return what the tool got, in words."""
    given = {name: value for name, value in locals().items() if name not in ("job", "table", "several", "reads")}
    texts = [path.read_text() for path in [table, *several, reads] if path]
    return {name: repr(value) for name, value in given.items()} | {"files": texts}
