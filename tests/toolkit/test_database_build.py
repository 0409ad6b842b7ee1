"""The files of a reference database."""

import gzip
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from wtforms import Form

from greeter.toolkit import Database, DatabaseField, Job, ToolError
from greeter.toolkit.database_build import build
from tests.conftest import ROOT, needs

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


def made(source: Path, kind: str, fields: list[DatabaseField], root: Path) -> Database:
    """Return a database from a file, with its files in the folder to which they are moved after they were indexed."""
    folder = root / "before"
    folder.mkdir()
    about = {"id": "own", "version": "1", "title": "Own", "kind": kind, **build(source, folder, kind, fields)}
    database = Database.from_description(about, root)
    database.folder.parent.mkdir()
    folder.rename(database.folder)
    return database


@needs("blastp", "ncbi-blast+")
def test_the_tool_of_the_documentation_finds_what_is_in_its_database(tmp_path: Path) -> None:
    """Its index is that of makeblastdb, and the result shows no path of the server."""
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/databases.md").read_text(), re.DOTALL)
    names: dict[str, Any] = {"__name__": "example"}
    exec(example, names)
    globins = ROOT / "greeter/databases/globins/1/sequences.fa"
    database = made(globins, "protein", [names["BlastForm"]().database], tmp_path)
    assert {"sequences.fa", "sequences.fa.phr", "sequences.fa.pin", "sequences.fa.psq"} <= set(database.files)
    (tmp_path / "query").write_text("".join(globins.read_text().partition(">")[1:])[:300].rpartition(">")[0])
    names["blast"](Job(tmp_path), query=tmp_path / "query", database=database)
    found = (tmp_path / "outputs/hits.txt").read_text()
    assert "Database: sequences.fa\n" in found
    assert f">{globins.read_text()[1:].split()[0]}" in found
    assert str(tmp_path) not in found


@needs("hmmpress", "hmmer")
def test_an_index_of_hmmpress_is_used_by_hmmscan(tmp_path: Path) -> None:
    """A kind of its own has the file as it is."""

    def press(path: Path) -> None:
        subprocess.run(["hmmpress", path], check=True, stdout=subprocess.DEVNULL)

    class ScanForm(Form):
        models = DatabaseField(kind="hmm", index=press)

    protein, model = tmp_path / "protein", tmp_path / "globin.hmm"
    protein.write_text(">globin\nMVHLTPEEKSAVTALWGKVNVDEVGGEALGRLLVVYPWTQRFFESFGDLSTPDAVMGNPKVKAHGKKVLGAFSDG\n")
    subprocess.run(["hmmbuild", "-n", "globin", "--amino", model, protein], check=True, stdout=subprocess.DEVNULL)
    database = made(model, "hmm", [ScanForm().models], tmp_path)
    assert set(database.files) == {f"globin.hmm{end}" for end in ("", ".h3f", ".h3i", ".h3m", ".h3p")}
    scan = ["hmmscan", "--tblout", str(tmp_path / "table"), str(database.path), str(protein)]
    subprocess.run(scan, check=True, stdout=subprocess.DEVNULL)
    assert re.findall(r"^\w+", (tmp_path / "table").read_text(), re.MULTILINE) == ["globin"]
