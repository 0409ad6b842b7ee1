"""The check of protein FASTA text."""

import pytest

from greeter.toolkit.fasta import Limits, check_proteins

LIMITS: Limits = {"records": 3, "residues": 40}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Line 1: there is no record. Start each record with a line such as >name."),
        ("\n\nMKV\n>a\nMKV\n", "Line 3: text before the first header. Start each record with a line such as >name."),
        ("MKV", "Line 1: text before the first header"),
        (">a\nMKV\n> \nMKV", "Line 3: the record has no name"),
        (">a\nMKV\n\nMK1V\n", "Line 4, record 'a': '1' is not an amino acid"),
        (">a\nMK-V\n", "Line 2, record 'a': '-' is not an amino acid"),
        (">a\nMK\u212aV\n", "Line 2, record 'a'"),  # the sign for Kelvin looks like a K, and lower() makes it one
        (">a\nM\u00a0V\n", "Line 2, record 'a'"),
        (">a\nMKV\n>b\n\n>c\nMKV", "Line 3, record 'b': the header has no sequence"),
        (">a\nMKV\n>b", "Line 3, record 'b': the header has no sequence"),
        (">a x\nMKV\n>b\nMKV\n>a y\nMKV", "Line 5: the name 'a' is already used in line 1"),
        (">gene\nACGTACGTAC\n", "Line 1, record 'gene': this looks like DNA or RNA"),
        (">gene\nacguacguac\n", "Line 1, record 'gene': this looks like DNA or RNA"),
        (">a\x1b[31m\nMKV", "Line 1: the header has a character that cannot be shown"),
        (">a \u202egpj\nMKV", "Line 1: the header has a character that cannot be shown"),
        (">a\nM\n>b\nM\n>c\nM\n>d\nM\n", "Line 7, record 'd': here the input exceeds the limits of 3 sequences"),
        (">a\nMKV\n>b\n***\n", "Line 3, record 'b': the header has no sequence"),
        (">" + "a" * 1001 + "\nMKV", "Line 1: the header is longer than 1,000 characters"),
        (">a\n" + "M" * 100_001, "Line 1, record 'a': the sequence is longer than 100,000 residues"),
        (">a\n" + "MKVLA" * 9, "Line 1, record 'a': here the input exceeds the limits of 3 sequences and 40 residues"),
    ],
)
def test_an_error_names_the_first_invalid_record_and_its_line(text: str, message: str) -> None:
    """Line numbers start at 1, and the message is one or more complete sentences."""
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
def test_valid_text_changes_only_in_its_line_endings(text: str) -> None:
    """All line endings become Unix line endings; everything else stays the same."""
    assert check_proteins(text, LIMITS).decode() == text.replace("\r\n", "\n").replace("\r", "\n")
