"""Tests of colouring the residues of alignments."""

import re
from html import unescape

from greeter.web.results.residues import coloured

ALIGNMENT = """query     61 kkvl<gaf 67
              ++ l g+f
target 1,061 DE-W&GPF 8
              789*****"""


def test_runs_of_residues_of_a_class_are_marked() -> None:
    """In the lines that start with a name, with or without a position, whether the letters are small or capital."""
    html = coloured("query     61 kkvlGaf-x 67\n              kk l ga \nA_NAME     RDDSPYPZ")
    assert re.findall("<i class=([a-z])>([A-Za-z]+)</i>", html) == [
        *(("p", "kk"), ("h", "vl"), ("g", "G"), ("h", "a"), ("a", "f")),
        *(("p", "R"), ("n", "DD"), ("q", "S"), ("g", "P"), ("a", "Y"), ("g", "P")),
    ]
    assert "\n              kk l ga \n" in html


def test_nucleotides_have_a_colour_each() -> None:
    """It is another one for each of the four, and the same for T and U."""
    found = re.findall("<i class=([a-z])>([A-Za-z]+)</i>", coloured("one  AAcgTTN-u", nucleotides=True))
    assert found == [("q", "AA"), ("h", "c"), ("g", "g"), ("p", "TT"), ("p", "u")]


def test_the_text_stays_the_same_and_is_escaped() -> None:
    """Whatever it is."""
    for text in (
        ALIGNMENT,
        "<script>alert(1)</script>",
        "",
        "query  1 <b>AAA</b> 3",
        "target 1 ",
        "<b> A<i>A",
        "a&b  MKV",
    ):
        html = coloured(text)
        assert unescape(re.sub("<[^>]*>", "", html)) == text
        assert not re.search("<(?!i class=[a-z]>|/i>)", html)


def test_a_long_text_has_no_colours() -> None:
    """It would make a page of hundreds of kilobytes."""
    lines = "a_name  MKVLAWTRHE\n" * 1000
    assert "<i" in coloured(lines)
    assert coloured(f"{lines}a_name  <MKV\n" * 2) == f"{lines}a_name  &lt;MKV\n" * 2
