"""The form field for protein sequences."""

from werkzeug.datastructures import MultiDict
from wtforms import Form
from wtforms.validators import DataRequired

from greeter.toolkit import ProteinFastaField


class ProteinForm(Form):
    """A required field and an optional one."""

    needed = ProteinFastaField(validators=[DataRequired()])
    other = ProteinFastaField()


def test_an_example_fills_the_field(tmp_path) -> None:
    """A Path as the value of the field is replaced by the text of its file."""
    (tmp_path / "example.fa").write_text(">a\nMKV\n")
    form = ProteinForm(data={"needed": tmp_path / "example.fa"})
    assert "&gt;a\nMKV" in form.needed()


def test_validation_returns_bytes_or_the_error_of_the_check() -> None:
    """A valid field has bytes, an empty one None, and an invalid one the message of the check."""
    limits = {"records": 1, "residues": 10}
    form = ProteinForm(MultiDict({"needed": ">a\nMKV\n", "other": " "}), meta={"limits": limits})
    assert form.validate()
    assert form.data == {"needed": b">a\nMKV\n", "other": None}
    form = ProteinForm(MultiDict({"needed": ">a\nMK1V\n"}), meta={"limits": limits})
    assert not form.validate()
    assert form.errors == {"needed": ["Line 2, record 'a': '1' is not an amino acid. Remove it or replace it with X."]}
