"""Tests of the media types of result files."""

import pytest

from greeter.jobs.files.media_types import format_of, kind_of, media_type


@pytest.mark.parametrize(
    ("name", "expected", "kind"),
    [
        ("hits.tsv", "text/tab-separated-values", "table"),
        ("hits.CSV", "text/csv", "table"),
        ("a.fa", "text/x-fasta", "text"),
        ("a.fasta", "text/x-fasta", "text"),
        ("a.faa", "text/x-fasta", "text"),
        ("hits.json", "application/json", "text"),
        ("hits.jsonl", "application/jsonl", "text"),
        ("calls.vcf", "text/plain", "text"),
        ("a.aln", "text/plain", "text"),
        ("a.tree.nwk", "text/x-nh", "text"),
        ("hits.tsv.gz", "application/gzip", ""),
        ("all.tar.gz", "application/gzip", ""),
        ("a.bz2", "application/x-bzip2", ""),
        ("a.zip", "application/zip", ""),
        ("a.ps", "application/postscript", ""),
        ("plot.png", "image/png", "image"),
        ("plot.jpeg", "image/jpeg", "image"),
        ("plot.webp", "image/webp", "image"),
        ("plot.svg", "image/svg+xml", "image"),
        ("plot.pdf", "application/pdf", ""),
        ("reads.bam", "application/octet-stream", ""),
        ("tsv", "text/tab-separated-values", "table"),
        ("output", "application/octet-stream", ""),
    ],
)
def test_the_media_type_follows_the_suffix(name: str, expected: str, kind: str) -> None:
    """Formats of the field have theirs, and images, tables and texts can be shown."""
    assert media_type(name) == expected
    assert kind_of(expected) == kind


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.fna", "FASTA"), ("hits.tsv", "TSV"), ("a.tree.NWK", "Newick"), ("reads.bam", "BAM"), ("all", "file")],
)
def test_formats_have_the_names_that_people_use(name: str, expected: str) -> None:
    """The page of a job shows them beside its downloads."""
    assert format_of(name) == expected


@pytest.mark.parametrize(
    "suffix", ["html", "HTM", "xhtml", "xht", "js", "mjs", "css", "xml", "xsl", "rdf", "svgz", "shtml"]
)
def test_no_file_is_sent_as_a_page_script_or_style(suffix: str) -> None:
    """What could run at the address of the site is sent as text, or as a type that no browser opens."""
    assert media_type(f"a.{suffix}") in ("text/plain", "application/octet-stream", "application/gzip")
