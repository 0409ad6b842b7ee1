"""Colour the residues of alignments by their chemical class."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_CLASSES = {
    "hydrophobic": "AVLIMC",
    "aromatic": "FWYH",
    "positive": "KR",
    "negative": "DE",
    "polar": "STNQ",
    "turn": "GP",
}
_RUNS = re.compile("|".join(f"(?P<{name}>[{letters}{letters.lower()}]+)" for name, letters in _CLASSES.items()))
_LINES = re.compile(r"^(?P<head>(?:query|target) +\d+ )(?P<residues>\S+)", re.MULTILINE)


def coloured(alignment: str) -> Markup:
    """Mark the residues of an alignment with CSS classes.

    Args:
        alignment: The alignment as text. In lines that start with `query` or `target` and a number, the word after them
            has residues.

    Returns:
        The same text as HTML, in which a `span` around each run of residues names their class: `r-hydrophobic`,
        `r-aromatic`, `r-positive`, `r-negative`, `r-polar` or `r-turn` (glycine and proline).
    """
    html: list[Markup] = []
    end = 0
    for line in _LINES.finditer(alignment):
        html.append(escape(alignment[end : line.start("residues")]))
        html += _parts(line["residues"])
        end = line.end()
    return Markup("").join([*html, escape(alignment[end:])])


def _parts(residues: str) -> list[Markup]:
    parts: list[Markup] = []
    end = 0
    for run in _RUNS.finditer(residues):
        parts.append(escape(residues[end : run.start()]))
        parts.append(Markup('<span class="r-{}">{}</span>').format(run.lastgroup, run[0]))
        end = run.end()
    return [*parts, escape(residues[end:])]
