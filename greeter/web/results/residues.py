"""Colour the residues of alignments by their chemical class.

The classes of amino acids are those of Clustal X (Larkin et al. 2007, Bioinformatics 23:2947), simplified: each residue
has one class, whatever its column; F and W are aromatic like H and Y; G and P share a class.
"""

import re

from markupsafe import Markup, escape

_LONGEST = 20_000  # characters: the colours make the page ten times as large

# The names of the classes are short because thousands of elements have them; style.css says what they are.
_AMINO_ACIDS = {"h": "AVLIMC", "a": "FWYH", "p": "KR", "n": "DE", "q": "STNQ", "g": "GP"}
_NUCLEOTIDES = {"q": "A", "h": "C", "g": "G", "p": "TU"}
_LINES = re.compile(r"""^(?P<head>\S+ +(?:[\d,]+ +)?)(?P<residues>[^\s<>&"']+)(?=\s|$)""", re.MULTILINE)


def _runs(classes: dict[str, str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?P<{name}>[{letters}{letters.lower()}]+)" for name, letters in classes.items()))


_RUNS = {False: _runs(_AMINO_ACIDS), True: _runs(_NUCLEOTIDES)}


def coloured(alignment: str, nucleotides: bool = False) -> Markup:
    """Mark the residues of an alignment with CSS classes.

    Args:
        alignment: The alignment as text. A line that starts with a name, and perhaps a position, has residues after it.
        nucleotides: Whether they are nucleotides and not amino acids.

    Returns:
        The same text as HTML, in which an `i` around each run of residues has their class. Without them if the text has
        more than 20,000 characters.
    """
    if len(alignment) > _LONGEST:
        return escape(alignment)
    html: list[str] = []
    end = 0
    for line in _LINES.finditer(alignment):
        html.append(escape(alignment[end : line.start("residues")]))
        html.append(_RUNS[nucleotides].sub(_mark, line["residues"]))
        end = line.end()
    return Markup("".join([*html, escape(alignment[end:])]))  # nosec B704: escaped above


def _mark(run: re.Match[str]) -> str:
    return f"<i class={run.lastgroup}>{run[0]}</i>"
