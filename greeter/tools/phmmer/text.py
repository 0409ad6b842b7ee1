"""The text that the program phmmer prints: for each query its hits, their domains with alignments, and statistics.

The program pads and cuts names and descriptions by bytes. They are taken as Latin-1 here, where a character is a byte.

One thing can differ: the program's column of names also has room for those of hits that it does not report in the end.
Which ones, depends on the order of the targets and on its threads.
"""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

from pyhmmer.plan7 import Hit

from greeter.tools.phmmer.alignments import PROGRAM, as_bytes, printed
from greeter.tools.phmmer.found import Found, Hits
from greeter.tools.phmmer.workarounds import table

Row = list[str]
END = b"[ok]\n"
_LINE = 120  # characters
_RULE = f"#{' -' * 36}"
_DOMAINS = (
    "   #    score  bias  c-Evalue  i-Evalue hmmfrom  hmm to    alifrom  ali to    envfrom  env to     acc",
    " ---   ------ ----- --------- --------- ------- -------    ------- -------    ------- -------    ----",
)


def start(targets: str, evalue: float) -> bytes:
    """Return the first lines of the text, which name the program, what it searches, and the E-value threshold."""
    return f"""\
# phmmer :: search a protein sequence against a protein database
# HMMER 3 ({PROGRAM}); http://hmmer.org/
{_RULE}
# target sequence database:        {targets}
# sequence reporting threshold:    E-value <= {evalue:g}
{_RULE}

""".encode()


def query_text(found: Found, *, aligned: bool) -> Iterator[bytes]:
    """Yield what the program prints about one query.

    Args:
        found: The hits of the query.
        aligned: Whether to print the alignments. Without them, the text is that of `phmmer --noali`.

    Yields:
        The lines, each with its end.
    """
    for line in _lines(found, aligned=aligned):
        yield f"{line}\n".encode("latin-1")


def _lines(found: Found, *, aligned: bool) -> Iterator[str]:
    summary = found.summary
    yield f"Query:       {as_bytes(summary.query.name)}  [L={len(summary.query)}]"
    if summary.query.description:
        yield f"Description: {as_bytes(summary.query.description)}"
    yield from _scores(found)
    yield from ("", "", f"Domain annotation for each sequence{' (and alignments)' * aligned}:")
    for hits in found:
        domains = _table(hits, "domains")
        for hit in hits.reported:
            yield from _domains(hit, [next(domains) for _ in hit.domains.reported], aligned=aligned)
    if not found.reported:
        yield from ("", "   [No targets detected that satisfy reporting thresholds]")
    yield from ("", "", *_statistics(summary), "//")


def _table(hits: Hits, layout: str) -> Iterator[Row]:
    """Yield the cells of a table as HMMER writes it: in the format of the text, so that every digit is the same."""
    lines = BytesIO(table(hits, layout))
    return ([cell.decode("latin-1") for cell in line.split()] for line in lines)


def _scores(found: Found) -> Iterator[str]:
    width = max(8, found.name_width)
    yield "Scores for complete sequences (score includes all domains):"
    yield "   --- full sequence ---   --- best 1 domain ---    -#dom-"
    yield f"    E-value  score  bias    E-value  score  bias    exp  N  {'Sequence':{width}} Description"
    yield f"    ------- ------ -----    ------- ------ -----   ---- --  {'--------':{width}} -----------"
    for rank, (hit, row) in enumerate(_rows(found)):
        if rank == found.included:
            yield "  ------ inclusion threshold ------"
        name, _, _, _, evalue, score, bias, best_evalue, best_score, best_bias, expected = row[:11]
        numbers = f"{evalue:>9} {score:>6} {bias:>5}  {best_evalue:>9} {best_score:>6} {best_bias:>5}  {expected:>5}"
        yield f"  {numbers} {row[16]:>2}  {name:{width}}  {as_bytes(hit.description)[: max(32, _LINE - 61 - width)]}"
    if not found.reported:
        yield from ("", "   [No hits detected that satisfy reporting thresholds]")


def _rows(found: Found) -> Iterator[tuple[Hit, Row]]:
    for hits in found:
        yield from zip(hits.reported, _table(hits, "targets"), strict=True)


def _domains(hit: Hit, rows: list[Row], *, aligned: bool) -> Iterator[str]:
    name = as_bytes(hit.name)
    yield f">> {name}  {as_bytes(hit.description)[: max(32, _LINE - 5 - len(name))]}"
    if not rows:
        yield from ("   [No individual domains that satisfy reporting thresholds (although complete target did)]", "")
        return
    yield from _DOMAINS
    reported = [*zip(hit.domains.reported, rows, strict=True)]
    for domain, row in reported:
        mark, (conditional, independent, score, bias) = "!" if domain.included else "?", row[11:15]
        lengths = {15: domain.alignment.hmm_length, 17: hit.length, 19: hit.length}
        ranges = " ".join(_range(row[at], row[at + 1], length) for at, length in lengths.items())
        yield f" {row[9]:>3} {mark} {score:>6} {bias:>5} {conditional:>9} {independent:>9} {ranges} {row[21]:>4}"
    yield ""
    if aligned:
        yield "  Alignments for each domain:"
        for domain, row in reported:
            yield f"  == domain {row[9]}  score: {row[13]} bits;  conditional E-value: {row[11]}"
            yield from printed(domain.alignment, _LINE)
            yield ""


def _range(first: str, last: str, length: int) -> str:
    """Return two positions, with a bracket at each end of the sequence that they reach."""
    return f"{first:>7} {last:>7} {'[' if int(first) == 1 else '.'}{']' if int(last) == length else '.'}"


def _statistics(hits: Hits) -> Iterator[str]:
    number = hits.searched_sequences
    state: Any = hits.__getstate__()  # the only way to the counters of the pipeline
    counts = state["pipeline"]
    yield "Internal pipeline statistics summary:"
    yield "-------------------------------------"
    yield f"Query model(s):              {hits.searched_models:15}  ({hits.searched_nodes} nodes)"
    yield f"Target sequences:            {number:15}  ({hits.searched_residues} residues searched)"
    for name, limit in (("MSV", "F1"), ("bias", "F1"), ("Vit", "F2"), ("Fwd", "F3")):
        count, share = counts[f"n_past_{name.lower()}"], counts[limit]
        head = f"{f'Passed {name} filter:':29}{count:15}  ({count / number:.6g})"
        yield f"{head}; expected {share * number:.1f} ({share:.6g})"
    yield f"Initial search space (Z):    {hits.Z:15.0f}  [actual number of targets]"
    yield f"Domain search space  (domZ): {hits.domZ:15.0f}  [number of targets reported over threshold]"
