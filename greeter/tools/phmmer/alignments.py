"""The alignments of a phmmer search: drawn for a page, and as files for other programs."""

from collections.abc import Iterator
from functools import partial
from importlib.metadata import version
from textwrap import wrap
from typing import BinaryIO, NamedTuple

from pyhmmer.easel import Alphabet
from pyhmmer.plan7 import Alignment

from greeter.tools.phmmer.found import Found, Hits
from greeter.tools.phmmer.workarounds import as_written

PROGRAM = f"pyhmmer {version('pyhmmer')}"
MOST_ALIGNED = 10_000  # sequences in a multiple alignment, which is made in memory
_COLUMNS_PER_LINE = 60  # of a drawn alignment, and of FASTA
_FEWEST_COLUMNS = 40  # of a printed alignment, whatever the length of the names


def write_alignments(found: Found, stockholm: BinaryIO, clustal: BinaryIO) -> None:
    """Write the multiple alignment of the significant hits of a query, as phmmer -A does.

    Args:
        found: The hits of the query. Without significant ones, or with more than 10,000 of them or of their domains,
            nothing is written.
        stockholm: The file in Stockholm format.
        clustal: The file in Clustal format.
    """
    if found.included > MOST_ALIGNED:
        return
    if not 0 < sum(len(hit.domains.included) for hits in found for hit in hits.included) <= MOST_ALIGNED:
        return
    hits = found.best(found.included)
    alignment = hits.to_msa(Alphabet.amino(), all_consensus_cols=True)
    alignment.name, alignment.author = hits.query.name, f"phmmer ({PROGRAM})"
    if hits.query.description:
        alignment.description = hits.query.description
    stockholm.write(as_written(partial(alignment.write, format="stockholm")))
    clustal.write(as_written(partial(alignment.write, format="clustal")))


def aligned_parts(hits: Hits) -> Iterator[bytes]:
    """Yield FASTA records of the aligned parts of all hits, one for each reported domain.

    They are named as in HMMER's alignments, by the target and the numbers of the first and last residue.
    """
    for hit in hits.reported:
        for domain in hit.domains.reported:
            part = domain.alignment
            residues = part.target_sequence.replace("-", "").upper()
            name = f"{hit.name}/{part.target_from}-{part.target_to}"
            header = f">{name} {hit.description or ''}".rstrip()
            yield "\n".join([header, *wrap(residues, _COLUMNS_PER_LINE), ""]).encode()


class _Part(NamedTuple):
    """A part of a sequence in an alignment, with the numbers of its first and last residue.

    Without any residue, the last is one less than the first.
    """

    first: int
    letters: str
    last: int


def _parts(alignment: Alignment, columns: int) -> Iterator[tuple[_Part, str, _Part, str]]:
    """Divide an alignment into lines with this number of columns.

    Yields for each line the query, the matches, the target, and each column's posterior probability, 0 to 9 or *.
    """
    query_start, target_start = alignment.hmm_from, alignment.target_from
    for column in range(0, len(alignment.target_sequence), columns):
        part = slice(column, column + columns)
        query = _numbered(alignment.hmm_sequence[part], query_start)
        target = _numbered(alignment.target_sequence[part], target_start)
        yield query, alignment.identity_sequence[part], target, alignment.posterior_probabilities[part]
        query_start, target_start = query.last + 1, target.last + 1


def draw(alignment: Alignment) -> str:
    """Draw an alignment as HMMER does, but without the names of the sequences."""
    blocks = []
    for query, matches, target, confidence in _parts(alignment, _COLUMNS_PER_LINE):
        lines = (_line("query ", query), f"{'':13} {matches}", _line("target", target), f"{'':13} {confidence}")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def printed(alignment: Alignment, line: int) -> Iterator[str]:
    """Yield the lines of an alignment as the program phmmer prints them.

    Args:
        alignment: The alignment.
        line: The length of a line in characters, which is exceeded where fewer than 40 columns would fit.

    Yields:
        The lines, in which a character stands for a byte, as by `as_bytes`.
    """
    query_name, target_name = as_bytes(alignment.hmm_name), as_bytes(alignment.target_name)
    ends = (alignment.hmm_from, alignment.hmm_to, alignment.target_from, alignment.target_to)
    width, digits = max(len(query_name), len(target_name)), max(len(str(end)) for end in ends)
    blank, none = f"  {'':{width}} {'':{digits}}", "-".rjust(digits)
    for number, (query, matches, target, confidence) in enumerate(
        _parts(alignment, max(_FEWEST_COLUMNS, line - width - 2 * digits - 5))
    ):
        first, letters, last = target if target.letters.strip("-") else (none, target.letters, none)
        yield from [""] * (number > 0)
        yield f"  {query_name:>{width}} {query.first:{digits}} {query.letters} {query.last:<{digits}}"
        yield f"{blank} {matches}"
        yield f"  {target_name:>{width}} {first:>{digits}} {letters} {last:<{digits}}"
        yield f"{blank} {confidence} PP"


def as_bytes(text: str | None) -> str:
    """Return a text with a character for each of its bytes in UTF-8; an empty one for None."""
    return (text or "").encode().decode("latin-1")


def _line(name: str, part: _Part) -> str:
    return f"{name} {part.first:6} {part.letters} {part.last}"


def _numbered(letters: str, first: int) -> _Part:
    return _Part(first, letters, first - 1 + len(letters) - letters.count(".") - letters.count("-"))
