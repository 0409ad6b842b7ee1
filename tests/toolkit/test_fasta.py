"""The checks of protein FASTA, each with a message that names the record and the line."""

import pytest
from wtforms import Form
from wtforms.validators import DataRequired

from greeter.toolkit import FastaField
from greeter.toolkit.fasta import check_proteins

LIMITS = {"records": 3, "residues": 40}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Line 1: no record has begun"),
        ("\n\nMKV\n>a\nMKV\n", "Line 3: no record has begun"),
        ("MKV", "Line 1: no record has begun"),
        (">a\nMKV\n> \nMKV", "Line 3: the record has no name"),
        (">a\nMKV\n\nMK1V\n", "Line 4, record 'a': '1' is not an amino acid"),
        (">a\nMK-V\n", "Line 2, record 'a': '-' is not an amino acid"),
        (">a\nMK\u212aV\n", "Line 2, record 'a'"),  # the sign for Kelvin looks like a K, and lower() makes it one
        (">a\nM\u00a0V\n", "Line 2, record 'a'"),
        (">a\nMKV\n>b\n\n>c\nMKV", "Line 3, record 'b': no sequence follows"),
        (">a\nMKV\n>b", "Line 3, record 'b': no sequence follows"),
        (">a x\nMKV\n>b\nMKV\n>a y\nMKV", "Line 5: the name 'a' is already that of the record in line 1"),
        (">gene\nACGTACGTAC\n", "Line 1, record 'gene': this looks like DNA or RNA"),
        (">gene\nacguacguac\n", "Line 1, record 'gene': this looks like DNA or RNA"),
        (">a\x1b[31m\nMKV", "Line 1: the header has a character that cannot be shown"),
        (">a \u202egpj\nMKV", "Line 1: the header has a character that cannot be shown"),
        (">a\nM\n>b\nM\n>c\nM\n>d\nM\n", "Line 7, record 'd': here the input passes its limit of 3 sequences"),
        (">a\nMKV\n>b\n***\n", "Line 3, record 'b': no sequence follows"),
        (">" + "a" * 1001 + "\nMKV", "Line 1: the header is longer than 1,000 characters"),
        (">a\n" + "M" * 100_001, "Line 1, record 'a': the sequence is longer than 100,000 residues"),
        (">a\n" + "MKVLA" * 9, "Line 1, record 'a': here the input passes its limit of 3 sequences and 40 residues"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text: str, message: str) -> None:
    """Lines count from 1, and the first wrong record is named."""
    with pytest.raises(ValueError, match=r"\.$") as raised:
        check_proteins(text, LIMITS)
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize(
    "text",
    [
        ">a\nMKV\n",
        "\n>a b c\r\nMK V\r\n\r\nBJZOUX*\r\n",
        ">a\rMKV\r",
        ">a\tb\nmkv",
        ">\u00e9 \u03b2\nMKV",
        ">a\nGAGAGAGAGAGAGA\n",
    ],
)
def test_what_is_right_keeps_its_letters(text: str) -> None:
    """Only line ends change."""
    assert check_proteins(text, LIMITS).decode() == text.replace("\r\n", "\n").replace("\r", "\n")


class ProteinForm(Form):
    """One field that must be given, and one that may be."""

    needed = FastaField(validators=[DataRequired()])
    other = FastaField()


def test_an_example_fills_the_field(tmp_path) -> None:
    """A Path stands for the text of its file."""
    (tmp_path / "example.fa").write_text(">a\nMKV\n")
    form = ProteinForm(data={"needed": tmp_path / "example.fa"})
    assert "&gt;a\nMKV" in form.needed()
