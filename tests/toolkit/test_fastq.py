"""The check of FASTQ text."""

import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greeter.toolkit.errors import ToolError
from greeter.toolkit.fastq import check_fastq
from greeter.toolkit.sequence_files import count_reads
from greeter.toolkit.text import text_blocks

READ = "@r1 first\nACGTN\n+\nIIII!\n"


def check(text: str) -> str:
    """Check a text as a form does, and return the text that the tool gets."""
    return "".join(check_fastq(text_blocks(io.BytesIO(text.encode()))))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Line 1: there is no read. Give each read four lines: @name, bases, +, qualities."),
        ("\n\n", "Line 1: there is no read."),
        (READ + "\n" + READ, "Line 5: there is an empty line where a read should start."),
        (READ + "@r2\nACGT\n+\n", "Line 7: the file ends in the middle of a read."),
        (READ + ">r2\nACGT\n+\nIIII", "Line 5: a read must start with @ and its name."),
        ("@\nACGT\n+\nIIII", "Line 1: the read has no name"),
        ("@r\x1b\nACGT\n+\nIIII", "Line 1: the read has no name that can be shown"),
        ("@r1\nACEF1\n+\nIIIII", "Line 2, read 'r1': '1', 'E' and 'F' cannot be in a read."),
        ("@r1\nACGT\nIIII\n+\n", "Line 3, read 'r1': this line must be a +"),
        ("@r1\nACGT\n+r2\nIIII", "Line 3, read 'r1': this line must be a +"),
        ("@r1\nACGT\n+\nII I", "Line 4, read 'r1': ' ' cannot be a quality."),
        (READ + "@r2\nACGT\n+\nIII\n", "Line 8, read 'r2': the read has 4 bases but 3 qualities."),
    ],
)
def test_an_error_names_the_line_and_the_read(text: str, message: str) -> None:
    """Line numbers start at 1, and the message ends in what to do."""
    with pytest.raises(ToolError, match=r"\.$") as raised:
        check(text)
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize("text", [READ, READ + "@r2\r\nacgt\r\n+r2\r\n@@@@", READ + "\n\n"])
def test_valid_reads_are_accepted(text: str) -> None:
    """Line endings become Unix line endings, and empty lines at the end are removed."""
    assert check(text) == text.replace("\r\n", "\n").rstrip("\n") + "\n"


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.from_regex(r"[a-z0-9]{1,9}( [a-z]+)?", fullmatch=True), st.text("ACGTN", min_size=1))))
def test_what_has_four_lines_is_accepted_and_counted(tmp_path_factory: pytest.TempPathFactory, reads: list) -> None:
    """Names may occur twice, as in paired reads."""
    text = "".join(f"@{name}\n{bases}\n+\n{'I' * len(bases)}\n" for name, bases in reads)
    if reads:
        assert check(text) == text
    path = tmp_path_factory.getbasetemp() / "reads.fq"
    path.write_text(text)
    assert count_reads(path) == len(reads)


def test_a_line_has_a_limit() -> None:
    """A file without line ends needs no more memory than the longest read."""
    with pytest.raises(ToolError, match=r"longer than 5,000,000 characters"):
        check("@r1\n" + "A" * 6_000_000)
