"""The alignments of a phmmer search: drawn for a page, and as files for other programs."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from typing import BinaryIO

from pyhmmer.easel import Alphabet, DigitalSequence
from pyhmmer.plan7 import Alignment, TopHits

MOST_ALIGNED = 10_000  # sequences in a multiple alignment, which is made in memory
_COLUMNS_PER_LINE = 60  # of a drawn alignment, and of FASTA


def write_alignments(hits: TopHits[DigitalSequence], stockholm: BinaryIO, clustal: BinaryIO) -> None:
    """Write the multiple alignment of the significant hits of a query, as phmmer -A does.

    Args:
        hits: The result of a search with one query. Without significant hits, or with more than 10,000 domains of
            them, nothing is written.
        stockholm: The file in Stockholm format.
        clustal: The file in Clustal format.
    """
    if not 0 < sum(len(hit.domains.included) for hit in hits.included) <= MOST_ALIGNED:
        return
    alignment = hits.to_msa(Alphabet.amino(), all_consensus_cols=True)
    alignment.name, alignment.author = hits.query.name, f"phmmer (pyhmmer {version('pyhmmer')})"
    if hits.query.description:
        alignment.description = hits.query.description
    alignment.write(stockholm, "stockholm")
    alignment.write(clustal, "clustal")


def aligned_parts(hits: TopHits[DigitalSequence]) -> Iterator[bytes]:
    """Yield FASTA records of the aligned parts of all hits, one for each reported domain.

    They are named as in HMMER's alignments, by the target and the numbers of the first and last residue.
    """
    for hit in hits.reported:
        for domain in hit.domains.reported:
            part = domain.alignment
            residues = part.target_sequence.replace("-", "").upper()
            name = f"{hit.name}/{part.target_from}-{part.target_to}"
            lines = [
                residues[start : start + _COLUMNS_PER_LINE] for start in range(0, len(residues), _COLUMNS_PER_LINE)
            ]
            yield "\n".join([f">{name} {hit.description or ''}".rstrip(), *lines, ""]).encode()


def draw(alignment: Alignment) -> str:
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
