"""Texts in the formats that JSON Schema does not know, for schemathesis, which loads this file."""

import schemathesis
from hypothesis import strategies as st

PROTEINS = st.text("ACDEFGHIKLMNPQRSTVWY", min_size=5, max_size=30).map("MKVLWE".__add__)


@st.composite
def fasta(draw: st.DrawFn) -> str:
    """A few proteins with names of their own."""
    names = draw(st.lists(st.from_regex(r"[a-z]{1,8}", fullmatch=True), min_size=1, max_size=3, unique=True))
    return "".join(f">{name}\n{draw(PROTEINS)}\n" for name in names)


@st.composite
def fastq(draw: st.DrawFn) -> str:
    """A read."""
    bases = draw(st.text("ACGT", min_size=1, max_size=30))
    return f"@read\n{bases}\n+\n{'I' * len(bases)}\n"


schemathesis.openapi.format("fasta", fasta())
schemathesis.openapi.format("fastq", fastq())
schemathesis.openapi.format("local-time", st.times().map("{:%H:%M}".format))
schemathesis.openapi.format("local-date-time", st.datetimes().map(lambda time: time.isoformat()[:16]))
schemathesis.openapi.format("visible-text", st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=30))
