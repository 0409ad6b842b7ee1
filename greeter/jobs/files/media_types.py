"""The media types of result files, by their suffix: what they are sent as, and how a page can show them."""

import mimetypes
import re
from enum import StrEnum

# The media type of each format, as other services such as Ensembl use it (plain text if it has none); its name (empty:
# its suffix in capitals, such as PDF); and its suffixes.
_TYPES = [
    ("text/x-fasta", "FASTA", "fa fas fasta faa fna ffn frn afa a2m a3m"),
    ("text/x-fastq", "FASTQ", "fq fastq"),
    ("text/x-gff3", "", "gff gff3"),
    ("text/x-nh", "Newick", "nwk newick nh tree"),
    ("text/tab-separated-values", "", "tsv"),
    ("text/csv", "", "csv"),
    ("text/markdown", "", "md"),
    ("text/plain", "text", "txt log out err tbl"),
    ("text/plain", "Clustal", "aln clustal"),
    ("text/plain", "Stockholm", "sto stk"),
    ("text/plain", "", "phy phylip nex nexus dnd maf vcf sam bed wig bedgraph gtf gb gbk embl hmm yaml yml toml"),
    ("chemical/x-pdb", "", "pdb ent"),
    ("chemical/x-cif", "", "cif"),
    ("application/json", "", "json"),
    ("application/jsonl", "JSON lines", "jsonl ndjson"),
    ("application/pdf", "", "pdf"),
    ("application/gzip", "", "gz bgz tgz"),
    ("image/png", "", "png"),
    ("image/jpeg", "", "jpg jpeg"),
    ("image/webp", "", "webp"),
    ("image/svg+xml", "", "svg"),
]
_BY_SUFFIX = {suffix: media_type for media_type, _, suffixes in _TYPES for suffix in suffixes.split()}
_FORMATS = {suffix: name for _, name, suffixes in _TYPES if name for suffix in suffixes.split()}
PDF = "application/pdf"
_LONGEST_SUFFIX = 8  # characters
_ENCODINGS = {"gzip": "application/gzip", "bzip2": "application/x-bzip2", "xz": "application/x-xz"}
_KNOWN = mimetypes.MimeTypes()  # Python's own table: the same on every machine
_ACTIVE = re.compile(r"html|[/+]xml|javascript|ecmascript|css", re.IGNORECASE)  # could run or style a page of the site
_UNKNOWN = "application/octet-stream"
INLINE = frozenset(["image/png", "image/jpeg", "image/webp", "image/svg+xml", PDF])
TEXT_TYPES = frozenset(
    kind for kind in _BY_SUFFIX.values() if kind.startswith(("text/", "chemical/")) or "json" in kind
)


class Kind(StrEnum):
    """How a page can show a file."""

    IMAGE = "image"
    TABLE = "table"
    TEXT = "text"
    NONE = ""


def media_type(name: str) -> str:
    """Return the media type of a result file: never one that a browser would run as a page, script or style."""
    suffix = name.rpartition(".")[2].lower()
    if known := _BY_SUFFIX.get(suffix):
        return known
    guessed, encoding = _KNOWN.guess_type(f"name.{suffix}")
    if encoding:
        return _ENCODINGS.get(encoding, _UNKNOWN)
    return "text/plain" if guessed and _ACTIVE.search(guessed) else guessed or _UNKNOWN


def format_of(name: str) -> str:
    """Return what people call the format of a result file, such as `FASTA` or `PDF`; `file` if it has no suffix."""
    _, dot, suffix = name.lower().rpartition(".")
    return _FORMATS.get(suffix, suffix[:_LONGEST_SUFFIX].upper()) if dot else "file"


def kind_of(media_type: str) -> Kind:
    """Return how a page can show files of a media type."""
    if media_type in ("text/tab-separated-values", "text/csv"):
        return Kind.TABLE
    if media_type in TEXT_TYPES:
        return Kind.TEXT
    return Kind.IMAGE if media_type in INLINE and media_type.startswith("image/") else Kind.NONE
