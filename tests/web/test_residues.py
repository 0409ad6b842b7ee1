"""Tests of colouring the residues of alignments."""

import re
from html import unescape

from greeter.web.residues import coloured

ALIGNMENT = """query     61 kkvl<gaf 67
              ++ l g+f
target 1,061 DE-W&GPF 8
              789*****"""


def test_runs_of_residues_of_a_class_are_marked() -> None:
    """In the lines of the two sequences, whether the letters are small or capital."""
    html = coloured("query     61 kkvlGaf-x 67\n              kk l ga \ntarget    10 RDDSPYPZ 17")
    assert re.findall('<span class="r-([a-z]+)">([A-Za-z]+)</span>', html) == [
        *(("positive", "kk"), ("hydrophobic", "vl"), ("turn", "G"), ("hydrophobic", "a"), ("aromatic", "f")),
        *(("positive", "R"), ("negative", "DD"), ("polar", "S"), ("turn", "P"), ("aromatic", "Y"), ("turn", "P")),
    ]
    assert "\n              kk l ga \n" in html


def test_the_text_stays_the_same_and_is_escaped() -> None:
    """Whatever it is."""
    for text in (ALIGNMENT, "<script>alert(1)</script>", "", "query  1 <b>AAA</b> 3", "target 1 "):
        html = coloured(text)
        assert unescape(re.sub("<[^>]*>", "", html)) == text
        assert not re.search('<(?!span class="r-|/span>)', html)
