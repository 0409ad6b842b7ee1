"""The hits of phmmer as the page shows them: with UniProt's accession, and the alignments drawn as HMMER draws them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pyhmmer.plan7 import Alignment, Domain, TopHits

# https://www.uniprot.org/help/accession_numbers, alone or as in sp|P68871|HBB_HUMAN, also with the number of an isoform
# or a version behind it, as in P68871-2 and P68871.2
_ACCESSION = re.compile(
    r"(?:(?:sp|tr)\|)?([OPQ][0-9][A-Z0-9]{3}[0-9]|[A-NR-Z][0-9](?:[A-Z][A-Z0-9]{2}[0-9]){1,2})"
    r"(?:[-.]\d+)?(?:\|.*)?"
)
_COLUMNS = 60  # of an alignment in a line


def describe(hits: TopHits[Any]) -> Iterator[dict[str, Any]]:
    """The reported hits of a query, best first, each with its reported domains.

    E-values are expected numbers of chance hits, scores and biases are in bits, places are counted from 1 and
    include the last. `rank` is the hit's place among those of its query; `uniprot` is the accession where the name
    is one.
    """
    for rank, hit in enumerate(hits.reported, 1):
        accession = _ACCESSION.fullmatch(hit.name)
        yield {
            "rank": rank,
            "target": hit.name,
            "target_length": hit.length,
            "description": hit.description or "",
            "uniprot": accession and accession[1],
            "evalue": hit.evalue,
            "score": hit.score,
            "bias": hit.bias,
            "domains": [_domain(domain) for domain in hit.domains.reported],
        }


def _domain(domain: Domain) -> dict[str, Any]:
    found = domain.alignment
    return {
        "evalue": domain.i_evalue,
        "score": domain.score,
        "bias": domain.bias,
        "query_from": found.hmm_from,
        "query_to": found.hmm_to,
        "target_from": found.target_from,
        "target_to": found.target_to,
        "alignment": _draw(found),
    }


def _draw(found: Alignment) -> str:
    """An alignment as HMMER prints it: query, matches, target, and how sure each column is, from 0 to 9 and *."""
    query_at, target_at = found.hmm_from, found.target_from
    blocks = []
    for column in range(0, len(found.target_sequence), _COLUMNS):
        part = slice(column, column + _COLUMNS)
        query, query_at = _number(found.hmm_sequence[part], query_at)
        target, target_at = _number(found.target_sequence[part], target_at)
        between, sure = found.identity_sequence[part], found.posterior_probabilities[part]
        blocks.append(f"query  {query}\n{'':13} {between}\ntarget {target}\n{'':13} {sure}")
    return "\n\n".join(blocks)


def _number(letters: str, first: int) -> tuple[str, int]:
    """A line of an alignment between the numbers of its first and last residue, and the number of the next."""
    following = first + sum(letter not in ".-" for letter in letters)
    return f"{first:6} {letters} {following - 1}", following
