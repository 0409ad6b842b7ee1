"""The form fields for files and sequences, without a web server."""

import gzip
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import Any, get_args

import pytest
from werkzeug.datastructures import MultiDict
from wtforms import Form
from wtforms.validators import DataRequired, InputRequired

from greeter.toolkit import FastaField, FastqField, FileField, FilesField, ProteinFastaField, ToolError, tool
from greeter.toolkit.alphabets import ALPHABETS, AlphabetName
from greeter.toolkit.fasta import Limits
from greeter.toolkit.form_context import FormContext
from greeter.toolkit.upload import Upload

Meta = dict[str, FormContext]


compress = partial(gzip.compress, mtime=0)  # the names of the tests must not depend on the time


@pytest.fixture
def meta(tmp_path: Path) -> Meta:
    """The meta that a form gets from the web."""

    def new_upload(name: str) -> Upload:
        return Upload(tmp_path / token_hex(16), name, "reference", is_new=True)

    limits = Limits(records=3, residues=40)
    return {"context": FormContext(limits=limits, max_bytes=5000, new_upload=new_upload, databases=list)}


def sent(meta: Meta, name: str, content: bytes) -> Upload:
    """A file that a visitor sends."""
    upload = meta["context"].new_upload(name)
    upload.path.write_bytes(content)
    return upload


def check_table(path: Path) -> None:
    """Refuse a table with an empty line."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line:
            raise ToolError(f"Line {number} is empty. Remove it.")


class ProteinForm(Form):
    """A required field and an optional one."""

    needed = FastaField(validators=[DataRequired()], alphabet="protein")
    other = FastaField(alphabet="protein")


class FilesForm(Form):
    """Files of every kind."""

    table = FileField(suffixes=[".tsv", ".csv"], check=check_table)
    packed = FileField(suffixes=[".vcf.gz"])
    anything = FileField()
    raw = FileField(unpack=False)
    number = FileField(check=lambda path: int(path.read_text().split()[0]))
    small = FileField(max_bytes=10)
    several = FilesField(check=check_table)
    reads = FastqField()
    bases = FastaField(alphabet="dna", validators=[InputRequired()])


def filled(meta: Meta, **values: Any) -> FilesForm:
    """The form with what a visitor sends, validated."""
    form = FilesForm(MultiDict({"bases": "ACGT", **values}), meta=meta)
    form.validate()
    return form


def test_an_example_fills_the_field(tmp_path: Path, meta: Meta) -> None:
    """A short text is shown, whether it is given as a text or as a Path."""
    (tmp_path / "example.fa").write_text(">a\nMKV\n")
    form = ProteinForm(data={"needed": tmp_path / "example.fa", "other": ">b\nMKV"}, meta=meta)
    assert "&gt;a\nMKV" in form.needed()
    assert "&gt;b\nMKV" in form.other()


def test_validation_returns_a_path_or_the_error_of_the_check(meta: Meta) -> None:
    """A valid field has the Path of the checked text, an empty one None, and an invalid one the message."""
    form = ProteinForm(MultiDict({"needed": ">a\r\nMKV\r\n", "other": " "}), meta=meta)
    assert form.validate()
    assert form.needed.data.read_text() == ">a\nMKV\n"
    assert form.other.data is None
    form = ProteinForm(MultiDict({"needed": ">a\nMK1V\n"}), meta=meta)
    assert not form.validate()
    assert form.errors == {"needed": ["Line 2, record 'a': '1' is not an amino acid. Remove it or replace it with X."]}


@pytest.mark.parametrize("pack", [bytes, compress, lambda text: compress(text[:9]) + compress(text[9:])])
def test_sequences_may_be_packed(meta: Meta, pack: Callable[[bytes], bytes]) -> None:
    """As gzip, or as bgzip, which has several members; the name does not matter."""
    fasta, fastq = b"\xef\xbb\xbf>a\r\nACGT\r\n", b"@r\nACGT\n+\nIIII\n"
    form = filled(meta, bases=sent(meta, "a.fa", pack(fasta)), reads=sent(meta, "r", pack(fastq)))
    assert form.errors == {}
    assert form.bases.data.read_bytes() == b">a\nACGT\n"
    assert form.reads.data.read_bytes() == fastq
    assert form.bases.describe(form.bases.uploads[0]) == "a.fa, 1 sequence"
    assert form.reads.describe(form.reads.uploads[0]) == "r, 1 read"


def test_files_of_any_kind_are_taken_and_unpacked(meta: Meta) -> None:
    """Whatever its name, unless the tool wants it packed. A BAM file, which is gzip too, stays so."""
    packed = compress(b"a\tb\n")
    for name in ("t.tsv", "t.csv.gz", "t.csv.bgz"):
        assert filled(meta, table=sent(meta, name, packed)).table.data.read_bytes() == b"a\tb\n"
    assert filled(meta, raw=sent(meta, "t.tsv.gz", packed)).raw.data.read_bytes() == packed
    form = filled(
        meta,
        table=sent(meta, "t.tsv.GZ", packed),
        packed=sent(meta, "v.vcf.gz", packed),
        anything=sent(meta, "3.bam", packed),
    )
    assert form.errors == {}
    assert form.anything.data.read_bytes() == packed
    assert form.table.data.read_bytes() == b"a\tb\n"
    assert form.packed.data.read_bytes() == packed


def test_several_files_keep_their_order_and_names(meta: Meta) -> None:
    """Without files, the list is empty."""
    packed = compress(b"2\n")
    form = filled(meta, several=[sent(meta, "1.txt", b"1\n"), sent(meta, "2.txt.bgz", packed)])
    assert [path.read_bytes() for path in form.several.data] == [b"1\n", b"2\n"]
    assert form.several.filenames == ["1.txt", "2.txt.bgz"]
    assert filled(meta).several.data == []


def test_valid_files_are_kept_when_others_are_refused(meta: Meta) -> None:
    """The message names those that were refused, or that are not kept any more."""
    files = [sent(meta, name, content) for name, content in (("1", b"1\n"), ("2", b"\n"), ("3", b"3"), ("4", b""))]
    form = filled(meta, several=files)
    assert form.errors == {"several": ["2: Line 1 is empty. Remove it. 4: The file is empty. Choose another one."]}
    assert [upload.name for upload in form.several.kept] == ["1", "3"]
    assert [path.read_bytes() for path in form.several.data] == [b"1\n", b"3"]
    form = filled(meta, several=[files[0], Upload(Path(), "old", "reference")])
    assert form.errors == {"several": ["old: This file is no longer kept. Choose it again."]}
    assert [upload.name for upload in form.several.kept] == ["1"]


@pytest.mark.parametrize(
    ("name", "content", "field", "message"),
    [
        ("t.xls", b"a", "table", "'t.xls' does not end in .tsv or .csv. Choose another file."),
        ("t.tsv", b"a\n\nb\n", "table", "Line 2 is empty. Remove it."),
        ("t.tsv.gz", compress(b"a\n\nb\n"), "table", "Line 2 is empty. Remove it."),
        ("t.tsv.gz", compress(b"a\n" * 99)[:-9], "table", "This gzip file is damaged or incomplete. Download it"),
        ("t.tsv.gz", compress(b"a\n") * 20_000, "table", "This gzip file consists of too many small parts."),
        ("t.tsv.gz", compress(b"a\n" * 99)[:-9] + b"x" * 9, "table", "This gzip file is damaged or incomplete."),
        ("t.tsv", b"", "table", "The file is empty. Choose another one."),
        ("t.tsv.gz", compress(b""), "table", "The file is empty. Choose another one."),
        ("t.fa.gz", compress(b""), "bases", "The file is empty. Choose another one."),
        ("t.tsv.gz", compress(b"a\n" * 9_000_000), "table", "The file has more than 4.88 KiB, counted after unp"),
        ("t.fa.gz", compress(b"A" * 9_000_000), "bases", "The file has more than 4.88 KiB, counted after unpac"),
        ("t.fa", b"ACGT\n" * 20, "bases", "Line 1, record 'query': here the input exceeds the limits of 3 sequences"),
        ("t", b"x" * 11, "small", "The file has more than 10 Bytes, counted after unpacking. Choose a smaller one."),
        ("t.fa", b"BZh91AY", "bases", "This is not a text file. Unpack it, or save it as plain text, and choose it ag"),
        ("t.tsv", b"\x89PNG\r\n", "table", "This is not a text file. Unpack it, or save it as plain text (UTF-8)"),
        ("t.txt", b"a", "number", "This file cannot be read. It may be damaged, or of another kind. Check it, or choo"),
        ("t.txt", b" ", "number", "This file cannot be read."),
        ("2.txt", b"\n", "several", "2.txt: Line 1 is empty. Remove it."),
    ],
)
def test_an_unsuitable_file_is_refused(meta: Meta, name: str, content: bytes, field: str, message: str) -> None:
    """The message is that of the check, or says what is wrong with the file, and what to do."""
    form = filled(meta, **{field: sent(meta, name, content)})
    assert list(form.errors) == [field]
    assert form.errors[field][0].startswith(message)


def test_a_bug_in_a_check_is_logged(meta: Meta, caplog: pytest.LogCaptureFixture) -> None:
    """Its traceback names the line."""
    filled(meta, number=sent(meta, "t.txt", b"a"))
    assert "ValueError: invalid literal for int()" in caplog.text
    caplog.clear()
    filled(meta, table=sent(meta, "t.tsv", b"\x89"))
    assert caplog.text == ""


def test_unpacking_stops_at_the_limit(meta: Meta, tmp_path: Path) -> None:
    """A small file that would unpack to a gigabyte does not fill the disk."""
    bomb = compress(b"\n" * 30_000_000)
    before = set(tmp_path.iterdir())
    form = filled(meta, **{name: sent(meta, "t.tsv.gz", bomb) for name in ("table", "bases", "reads")})
    assert set(form.errors) == {"table", "bases", "reads"}
    assert sum(path.stat().st_size for path in set(tmp_path.iterdir()) - before) < 3 * len(bomb) + 20_000


def test_the_form_states_what_a_field_takes(meta: Meta) -> None:
    """This includes its own limit and the endings of names, also for the dialog of the browser."""
    form = FilesForm(meta=meta)
    assert form.table.limits == "Names ending in .tsv or .csv. At most 4.88 KiB."
    assert 'accept=".tsv,.csv,.tsv.gz,.tsv.bgz,.csv.gz,.csv.bgz"' in form.table()
    assert form.several.limits == "At most 4.88 KiB."
    assert form.small.limits == "At most 10 Bytes."
    assert form.bases.limits == "At most 3 sequences, 40 residues in all."
    assert "multiple" in form.several()
    assert 'type="file"' in form.table()


@pytest.mark.parametrize(
    ("field", "accepts_dna"),
    [(FastaField(), True), (FastaField(alphabet="protein"), False), (ProteinFastaField(gaps=True), False)],
)
def test_a_fasta_field_takes_any_sequences_unless_it_names_an_alphabet(
    meta: Meta, field: FastaField, accepts_dna: bool
) -> None:
    """The letters of DNA are also letters of proteins, but DNA in a field for proteins is a mistake."""
    form = type("AnyForm", (Form,), {"sequences": field})
    filled_form = form(MultiDict({"sequences": ">a\nACGTACGTACGT\n"}), meta=meta)
    assert filled_form.validate() is accepts_dna
    assert ("looks like DNA" in str(filled_form.errors)) is not accepts_dna
    assert form(MultiDict({"sequences": ">a\nMKVLAWTRH\n"}), meta=meta).validate()


def test_an_unknown_alphabet_is_refused() -> None:
    """It is refused when the tool is loaded, not when the first form is submitted."""
    form = type("DnaForm", (Form,), {"bases": FastaField(alphabet="DNA")})  # type: ignore[arg-type]
    message = "The alphabet cannot be 'DNA'. Use one of 'protein', 'dna', 'rna', 'any'."
    with pytest.raises(ValueError, match=re.escape(message)):
        tool("Count", form=form)(lambda job, bases: {})
    assert get_args(AlphabetName) == tuple(ALPHABETS)  # so that an editor offers all of them


def test_a_long_text_is_kept_instead_of_shown(meta: Meta) -> None:
    """A short one is shown, as is what was pasted when the field itself refuses it."""
    meta["context"] = replace(meta["context"], limits=Limits(records=3, residues=10**6), max_bytes=10**6)
    text = ">a\n" + "ACGT\n" * 20_000
    form = filled(meta, bases=text)
    assert [form.bases.describe(upload) for upload in form.bases.kept] == ["pasted text, 1 sequence"]
    assert form.bases.uploads[0].is_kept
    assert "ACGT" not in form.bases()
    form = filled(meta, bases=text + "E")
    assert form.bases.kept == []
    assert "ACGT\nE" in form.bases()
    form = filled(meta, bases=">a\nACGT\n")
    assert form.bases.kept == []
    assert "&gt;a\nACGT" in form.bases()


def test_new_input_replaces_the_kept_file(meta: Meta) -> None:
    """A new file comes before pasted text, which comes before the kept file; several files are added."""
    kept = sent(meta, "kept.fa", b">kept\nACGT\n")
    kept.is_new = False
    new = sent(meta, "new.fa", b">new\nACGT\n")
    for values, name in (([kept, ""], b"kept"), ([kept, ">text\nACGT"], b"text"), ([new, kept, "ACGT"], b"new")):
        assert filled(meta, bases=values).bases.data.read_bytes().startswith(b">" + name)
    assert len(filled(meta, several=[kept, new]).several.uploads) == 2


def test_a_file_that_is_not_kept_any_more_is_asked_for_again(meta: Meta) -> None:
    """The field counts as empty."""
    form = filled(meta, bases=Upload(Path(), "old.fa", "reference"))
    assert form.errors == {"bases": ["This file is no longer kept. Choose it again."]}


def test_a_file_that_could_not_be_stored_is_not_an_error_of_the_field(meta: Meta) -> None:
    """The visitor cannot correct it, so the page says that the disk is full."""
    upload = Upload(Path(), "a.fa", is_new=True, error=OSError("no space"))
    with pytest.raises(OSError, match="no space"):
        filled(meta, bases=upload)


def test_the_limit_of_several_files_is_for_each(meta: Meta) -> None:
    """Two files may have more together."""

    class Small(Form):
        several = FilesField(max_bytes=10)

    names = {"a": 10, "b": 10, "c": 11}
    files = {name: sent(meta, name, b"x" * size) for name, size in names.items()}
    assert Small(MultiDict([("several", files["a"]), ("several", files["b"])]), meta=meta).validate()
    form = Small(MultiDict([("several", files["a"]), ("several", files["c"])]), meta=meta)
    assert not form.validate()
    assert "c: The file has more than 10 Bytes" in form.errors["several"][0]


def test_several_files_have_a_limit_together_after_unpacking(meta: Meta, tmp_path: Path) -> None:
    """It is ten times that of one. Without it, a hundred small files could unpack to gigabytes."""

    class Small(Form):
        several = FilesField(max_bytes=1000)

    names = [f"{number}.txt.gz" for number in range(50)]
    form = Small(MultiDict([("several", sent(meta, name, compress(b"x" * 600))) for name in names]), meta=meta)
    assert not form.validate()
    accepted = form.several.data
    assert [path.stat().st_size for path in accepted] == [600] * 16
    assert len(list(tmp_path.iterdir())) == len(names) + 17
    assert form.errors["several"][0].count("too large, so this one was not kept") == 50 - 16
    again = Small(MultiDict([("several", upload) for upload in form.several.uploads]), meta=meta)
    assert again.validate()
    same = Small(MultiDict([("several", form.several.uploads[0])] * 17), meta=meta)
    assert not same.validate()
