"""Accessions, identifiers and addresses, which users paste instead of a sequence."""

import re

# UniProt with an isoform, its names such as HBB_HUMAN, RefSeq and Ensembl, GenBank, PDB with a chain.
_ACCESSION = re.compile(
    r"([OPQ]\d[A-Z\d]{3}\d|[A-NR-Z]\d([A-Z][A-Z\d]{2}\d){1,2})(-\d+)?|(?-i:[A-Z\d]{2,10}_[A-Z\d]{3,5})|"
    r"[A-Z]{2,4}_?\d{5,}(\.\d+)?|[A-Z]\d{5}(\.\d+)?|\d[A-Z\d]{3}(_[A-Z\d]{1,4})?",
    re.IGNORECASE,
)
_IDENTIFIER = re.compile(r"[a-z]{2,3}\|\S+", re.IGNORECASE)  # such as sp|P68871|HBB_HUMAN
_ADDRESS = re.compile(r"(https?://|([a-z\d-]+\.)+[a-z]+/)\S*", re.IGNORECASE)


def reference_kind(word: str) -> str:
    """Classify a word that looks like an accession or an address; "" if it may be a sequence."""
    if _ADDRESS.fullmatch(word):
        return "the address of a page"
    return "an accession of a database" if _ACCESSION.fullmatch(word) or _IDENTIFIER.fullmatch(word) else ""
