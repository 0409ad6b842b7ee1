"""The hits of a phmmer search as the rows of its result page, with UniProt accessions and drawn alignments."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypedDict

from pyhmmer.easel import DigitalSequence
from pyhmmer.plan7 import Alignment, Domain, Hit, TopHits

# https://www.uniprot.org/help/accession_numbers, bare or as in sp|P68871|HBB_HUMAN, and with the number of an isoform
# (P68871-2) or of a version (P68871.2).
_ACCESSION = re.compile(
    r"(?:(?:sp|tr)\|)?([OPQ][0-9][A-Z0-9]{3}[0-9]|[A-NR-Z][0-9](?:[A-Z][A-Z0-9]{2}[0-9]){1,2})"
    r"(?:[-.]\d+)?(?:\|.*)?"
)
_COLUMNS_PER_LINE = 60  # of an alignment


class DomainRow(TypedDict):
    """A domain of a hit. Positions are residue numbers, counted from 1, and both ends are included."""

    evalue: float  # HMMER's independent E-value: that of the hit if this were its only domain
    score: float  # bits
    bias: float  # bits
    query_from: int
    query_to: int
    target_from: int
    target_to: int
    alignment: str  # as HMMER prints it


class HitRow(TypedDict):
    """A target that matches a query."""

    rank: int  # among the hits of the query, counted from 1
    target: str
    target_length: int  # residues
    description: str
    uniprot: str | None  # the accession, if the target's name is or contains one
    evalue: float  # the expected number of chance hits at least as good in the whole search
    score: float  # bits
    bias: float  # bits
    domains: list[DomainRow]


def hit_rows(hits: TopHits[DigitalSequence]) -> Iterator[HitRow]:
    """Convert the hits of one query to rows.

    Args:
        hits: The result of a search with one query.

    Yields:
        A row for each reported hit, the best first, with its reported domains.
    """
    for rank, hit in enumerate(hits.reported, 1):
        yield _hit_row(rank, hit)


def _hit_row(rank: int, hit: Hit) -> HitRow:
    accession = _ACCESSION.fullmatch(hit.name)
    return {
        "rank": rank,
        "target": hit.name,
        "target_length": hit.length,
        "description": hit.description or "",
        "uniprot": accession and accession[1],
        "evalue": hit.evalue,
        "score": hit.score,
        "bias": hit.bias,
        "domains": [_domain_row(domain) for domain in hit.domains.reported],
    }


def _domain_row(domain: Domain) -> DomainRow:
    alignment = domain.alignment
    return {
        "evalue": domain.i_evalue,
        "score": domain.score,
        "bias": domain.bias,
        "query_from": alignment.hmm_from,
        "query_to": alignment.hmm_to,
        "target_from": alignment.target_from,
        "target_to": alignment.target_to,
        "alignment": _draw(alignment),
    }


def _draw(alignment: Alignment) -> str:
    """Draw an alignment as HMMER does: query, matches, target, and each column's posterior probability, 0 to 9 or *."""
    query_start, target_start = alignment.hmm_from, alignment.target_from
    blocks = []
    for column in range(0, len(alignment.target_sequence), _COLUMNS_PER_LINE):
        part = slice(column, column + _COLUMNS_PER_LINE)
        query, query_start = _numbered(alignment.hmm_sequence[part], query_start)
        target, target_start = _numbered(alignment.target_sequence[part], target_start)
        matches, confidence = alignment.identity_sequence[part], alignment.posterior_probabilities[part]
        blocks.append(f"query  {query}\n{'':13} {matches}\ntarget {target}\n{'':13} {confidence}")
    return "\n\n".join(blocks)


def _numbered(letters: str, start: int) -> tuple[str, int]:
    """Add the numbers of its first and last residue to a line of an alignment. Also returns the next line's start."""
    next_start = start + sum(letter not in ".-" for letter in letters)
    return f"{start:6} {letters} {next_start - 1}", next_start
