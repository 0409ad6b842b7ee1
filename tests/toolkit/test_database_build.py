"""The files of a reference database."""

import gzip
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from wtforms import Form

from greeter.toolkit import DatabaseField, ToolError
from greeter.toolkit.database_build import build

PACKED = gzip.compress(b"content", mtime=0)  # xdist compares the ids of tests


@pytest.mark.parametrize(
    ("given", "content", "kept", "expected"),
    [
        ("words.txt", b"content", "words.txt", b"content"),
        ("words.txt.gz", PACKED, "words.txt", b"content"),
        ("reads.bam", PACKED, "reads.bam", PACKED),
        ("table.rds", PACKED, "table.rds", PACKED),
    ],
)
def test_a_file_is_unpacked_as_an_upload_is(
    tmp_path: Path, given: str, content: bytes, kept: str, expected: bytes
) -> None:
    """Formats that are gzip files themselves stay as they are, because programs read them so."""
    source, folder = tmp_path / given, tmp_path / "new"
    source.write_bytes(content)
    folder.mkdir()
    assert build(source, folder, "own", [])["file"] == kept
    assert (folder / kept).read_bytes() == expected
    assert source.read_bytes() == content


def test_a_text_without_a_header_is_no_database(tmp_path: Path) -> None:
    """A form takes a single sequence without one, but a file with such a text is hardly a database."""
    source, folder = tmp_path / "text", tmp_path / "new"
    source.write_text("\nNot available\n")
    folder.mkdir()
    with pytest.raises(ToolError, match="Line 2: text before the first header"):
        build(source, folder, "protein", [])


def test_a_check_that_fails_is_a_sentence(tmp_path: Path) -> None:
    """As it is for an upload."""

    def check(path: Path) -> None:
        path.read_text(encoding="utf-8")

    class OwnForm(Form):
        field = DatabaseField(kind="own", check=check)

    source, folder = tmp_path / "own", tmp_path / "new"
    source.write_bytes(b"\xff\xfe")
    folder.mkdir()
    with pytest.raises(ToolError, match="This is not a text file"):
        build(source, folder, "own", [OwnForm().field])


def test_two_indexes_with_the_same_name_are_refused(tmp_path: Path) -> None:
    """Of two tools, the second would replace the index of the first. The same content is no problem."""

    def write(text: str) -> Callable[[Path], object]:
        def index(path: Path) -> None:
            path.with_suffix(".index").write_text(text)

        return index

    def change(path: Path) -> None:
        path.write_text("content.")

    source, one, two = tmp_path / "own.txt", write("one"), write("two")
    source.write_text("content")

    def indexed(*functions: Callable[[Path], object]) -> Any:
        class OwnForm(Form):
            pass

        for number, function in enumerate(functions):
            setattr(OwnForm, f"field{number}", DatabaseField(kind="own", index=function))
        folder = Path(mkdtemp(dir=tmp_path))
        return build(source, folder, "own", [*OwnForm()])["files"]

    assert set(indexed(one, one, write("one"))) == {"own.txt", "own.index"}
    with pytest.raises(ToolError, match=r"index has written 'own.index', which belongs to another index"):
        indexed(one, two)
    with pytest.raises(ToolError, match=r"change has written 'own.txt'"):
        indexed(change)
