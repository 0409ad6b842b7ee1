"""The hits and queries of a phmmer search as rows of its result page, with what the headers of UniProt say."""

import re
from collections.abc import Iterable

from pyhmmer.plan7 import Domain, Hit

from greeter.toolkit import Column
from greeter.toolkit.table import Cell
from greeter.tools.phmmer.alignments import draw
from greeter.tools.phmmer.found import Found, Hits

# https://www.uniprot.org/help/accession_numbers, bare or as in sp|P68871|HBB_HUMAN, and with the number of an isoform
# (P68871-2) or of a version (P68871.2).
_UNIPROT = re.compile(
    r"(?:(?:sp|tr)\|)?(?P<accession>[OPQ][0-9][A-Z0-9]{3}[0-9]|[A-NR-Z][0-9](?:[A-Z][A-Z0-9]{2}[0-9]){1,2})"
    r"(?:[-.]\d+)?(?:\|(?P<entry>.*))?"
)
# https://www.uniprot.org/help/fasta-headers
_HEADER = re.compile(r"(?P<protein>.*?)(?: OS=(?P<organism>.*?)(?: (?:OX|GN|PE|SV)=.*)?)?")


COLUMNS = {
    "query": Column(filter="choice"),
    "target": Column("Target", filter="text"),
    "description": Column("Description", filter="text"),
    "organism": Column("Organism", filter="text"),
    "evalue": Column("E-value", "number", filter="max", format=".2g"),
    "score": Column("Score", "number", format=".1f"),
    "bias": Column("Bias", "number", format=".1f"),
    "identity": Column("Identity %", "number", filter="min", format=".1f"),
    "similarity": Column("Similarity %", "number", format=".1f"),
    "query_coverage": Column("Query coverage %", "number", filter="min", format=".1f"),
    "target_coverage": Column("Target coverage %", "number", filter="min", format=".1f"),
    "rank": Column(),
    "significant": Column(),
    "accession": Column(),
    "entry": Column(),
    "domains": Column(),
    "query_length": Column(),
    "target_length": Column(),
}
"""The columns of the table of hits.

`rank` is counted from 1 among the hits of a query. `significant` is 1 if HMMER includes the hit, by default those with
an E-value up to 0.01, and 0 otherwise. `accession` and `entry` are those of UniProt. Lengths are in residues, `score`
and `bias` in bits. Percentages are of the columns of the alignments of all domains for `identity` and `similarity`, a
column with a gap being neither, and of the residues of the whole sequence for the coverage.
"""


QUERY_COLUMNS = {
    "query": Column("Query", filter="text"),
    "query_length": Column("Residues", "number", format=","),
    "hits": Column("Hits", "number", format=","),
    "significant": Column("Significant", "number", format=","),
    "target": Column("Best target"),
    "evalue": Column("E-value", "number", format=".2g"),
}


def hit_row(hits: Hits, hit: Hit, rank: int) -> dict[str, Cell]:
    """Return a hit as a row of the table of hits.

    Args:
        hits: The result of a search with one query.
        hit: One of them.
        rank: Its number among the reported hits of the query, counted from 1.

    Returns:
        Its cells by the names of COLUMNS.
    """
    domains = [domain.alignment for domain in hit.domains.reported]
    matches = "".join(alignment.identity_sequence for alignment in domains)
    similar = len(matches) - matches.count(" ")
    name = _UNIPROT.fullmatch(hit.name)
    header = _HEADER.fullmatch(hit.description or "")
    return {
        "query": hits.query.name,
        "target": hit.name,
        "description": header["protein"] if header else "",
        "organism": header["organism"] if header else None,
        "evalue": hit.evalue,
        "score": hit.score,
        "bias": hit.bias,
        "identity": _percent(similar - matches.count("+"), len(matches)),
        "similarity": _percent(similar, len(matches)),
        "query_coverage": _percent(_covered((one.hmm_from, one.hmm_to) for one in domains), len(hits.query)),
        "target_coverage": _percent(_covered((one.target_from, one.target_to) for one in domains), hit.length),
        "rank": rank,
        "significant": int(hit.included),
        "accession": name and name["accession"],
        "entry": name and name["entry"],
        "domains": len(domains),
        "query_length": len(hits.query),
        "target_length": hit.length,
    }


def domain_row(domain: Domain, *, aligned: bool) -> dict[str, Cell]:
    """Return a domain of a hit, with its alignment as HMMER prints it if `aligned`.

    `evalue` is HMMER's independent E-value: that of the hit if this were its only domain. `score` and `bias` are in
    bits. Positions are residue numbers, counted from 1, and both ends are included.
    """
    alignment = domain.alignment
    return {
        "evalue": domain.i_evalue,
        "score": domain.score,
        "bias": domain.bias,
        "query_from": alignment.hmm_from,
        "query_to": alignment.hmm_to,
        "target_from": alignment.target_from,
        "target_to": alignment.target_to,
        "alignment": draw(alignment) if aligned else None,
    }


def query_row(found: Found, first: Hits) -> dict[str, Cell]:
    """Return a query as a row of the table of queries, given all its hits and the first of them."""
    best = next(iter(first.reported), None)
    return {
        "query": first.query.name,
        "query_length": len(first.query),
        "hits": found.reported,
        "significant": found.included,
        "target": best.name if best else None,
        "evalue": best.evalue if best else None,
    }


def _percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0


def _covered(ranges: Iterable[tuple[int, int]]) -> int:
    """Return how many residues are in at least one of these ranges, both of whose ends are included."""
    covered, end = 0, 0
    for first, last in sorted(ranges):
        covered += max(0, last - max(end, first - 1))
        end = max(end, last)
    return covered
