"""Tests of `flask rerun`, without Redis."""

from __future__ import annotations

import io
import json
import re
import shutil
import sys
import tempfile
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from click.testing import Result
from flask import Flask
from kombu.utils.json import dumps

from greeter import create_app, tools
from greeter.jobs import versions
from greeter.jobs.records.samples import Samples
from greeter.jobs.staging import staged
from greeter.settings import Settings
from greeter.toolkit import Job
from greeter.toolkit.database import Database
from greeter.toolkit.tool import Tool
from greeter.tools import SAMPLES, load
from greeter.web.provenance.crate_reader import NotACrate, TooLarge, read
from tests.conftest import free_port
from tests.crates import problems, read_crate

TOOL = '''
from decimal import Decimal
from pathlib import Path
from wtforms import *
from greeter.toolkit import FileField, FilesField, ToolError, tool

class AgainForm(Form):
    word = StringField()
    share = DecimalField()
    many = SelectMultipleField(choices=["p", "q"])
    yes = BooleanField()
    no = BooleanField(default=True)
    day = DateField(validators=[validators.Optional()])
    table = FileField("A file", suffixes=[".txt"])
    tables = FilesField("Files", suffixes=[".txt"])
    none = FileField("No file", [validators.Optional()])

@tool("Again", form=AgainForm, data={"Proteins": Path("RELEASE")})
def zz_again(job, word, share, many, yes, no, day, table, tables, none):
    """Write the values into files."""
    values = {"word": word, "share": share, "many": many, "yes": yes, "no": no, "day": day, "none": none}
    if word == "wrong":
        raise ToolError("This word is wrong. Choose another.")
    with job.open("values.txt") as file:
        file.write(repr(sorted(values.items())))
    with job.open("tables.txt") as file:
        file.write(table.read_text() + "".join(one.read_text() for one in tables))
    return {"pair": (1, "ä"), "word": word}
'''


class Again:
    """A tool whose job is kept as a sample, so that its archive can be downloaded without Redis."""

    def __init__(self, folder: Path, tool_folder: Path) -> None:
        self.folder, self.file = folder, tool_folder / "zz_again.py"
        (folder / "release").write_text("2026_01\n")
        self.write(TOOL)
        self.archive = folder / "job.zip"
        self.settings: dict[str, Any] = {"data_dir": folder, "redis_url": f"redis://127.0.0.1:{free_port()}/0"}

    def write(self, source: str) -> None:
        """Change the tool. The next command is another process, so it has the new code."""
        self.file.write_text(source.replace("RELEASE", str(self.folder / "release")))
        sys.modules.pop("greeter.tools.zz_again", None)
        vars(tools).pop("zz_again", None)

    def app(self) -> Flask:
        """Return the app with the tool as it is now."""
        return create_app(Settings(**self.settings))

    def run(self, word: str = "w") -> None:
        """Run a job of the tool, and download its archive."""
        app, tool = self.app(), load()["zz_again"]
        samples = Samples(self.folder / "samples")
        root = samples.files.folder("sample-zz_again")
        for name, text in {"table": "first", "tables/0000": "second", "tables/0001": "third"}.items():
            (root / "inputs" / name).parent.mkdir(parents=True, exist_ok=True)
            (root / "inputs" / name).write_text(text)
        others = {"many": ["q"], "yes": True, "no": False, "day": None, "none": None}
        params = {"word": word, "share": Decimal("0.12345"), **others}
        (root / "attempts/1").mkdir(parents=True)
        snapshot = json.loads((SAMPLES / "sample-expensive_greet/record.json").read_text())["snapshot"]
        snapshot |= {"tool": "zz_again", "claims": "1"}
        if word == "wrong":
            snapshot |= {"state": "FAILURE", "result": json.dumps({"user_message": "This word is wrong."})}
        else:
            result = tool(Job(root / "attempts/1"), **params, **samples.files.inputs("sample-zz_again"))
            snapshot |= {"result": json.dumps(result)}
        sums = {"table": sha256(b"first").hexdigest()}
        several = [sha256(text).hexdigest() for text in (b"second", b"third")]
        found = {"params": params, "checksums": sums | {"tables": several}, "filenames": {"table": "a.txt"}}
        self._download(app, tool, samples, snapshot, found)

    def run_with_database(self, database: Database) -> None:
        """Run a job whose only parameter is a database, and download its archive."""
        app, tool, samples = self.app(), load()["zz_again"], Samples(self.folder / "samples")
        (samples.files.folder("sample-zz_again") / "attempts/1").mkdir(parents=True)
        result = tool(Job(samples.files.folder("sample-zz_again") / "attempts/1"), database=database)
        snapshot = json.loads((SAMPLES / "sample-expensive_greet/record.json").read_text())["snapshot"]
        snapshot |= {"tool": "zz_again", "claims": "1", "result": json.dumps(result)}
        self._download(app, tool, samples, snapshot, {"databases": {"database": database.recorded}})

    def _download(self, app: Flask, tool: Tool, samples: Samples, snapshot: Any, found: dict[str, Any]) -> None:
        made = found | {"versions": versions.code_versions(tool) | versions.machine_versions(tool)}
        record = samples.files.folder("sample-zz_again") / "record.json"
        record.write_text(dumps({"snapshot": snapshot, "provenance": made}))
        app.extensions["greeter"] = replace(app.extensions["greeter"], samples=samples)
        self.archive.write_bytes(app.test_client().get("/jobs/sample-zz_again/job.zip").data)

    def rerun(self, *, color: bool = False) -> Result:
        """Run the command, in a terminal with colours or without."""
        return self.app().test_cli_runner().invoke(args=["rerun", str(self.archive)], color=color)

    def change(self, path: str, old: bytes, new: bytes) -> None:
        """Change a file in the archive."""
        content = self.archive.read_bytes()
        with ZipFile(io.BytesIO(content)) as source, ZipFile(self.archive, "w", ZIP_DEFLATED) as target:
            for name in source.namelist():
                target.writestr(name, source.read(name).replace(old, new) if name == path else source.read(name))


@pytest.fixture
def again(tmp_path: Path, tool_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Again:
    """A tool with fields of every kind; the files of its jobs are below tmp_path."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return Again(tmp_path, tool_folder)


def test_the_sample_of_phmmer_has_the_same_result_today(app: Flask, tmp_path: Path) -> None:
    """Each file is the same, byte for byte."""
    archive = tmp_path / "job.zip"
    archive.write_bytes(app.test_client().get("/jobs/sample-phmmer/job.zip").data)
    ended = app.test_cli_runner().invoke(args=["rerun", str(archive)])
    assert ended.exit_code == 0, ended.output
    for name in ("result.json", "outputs/domains.tbl", "outputs/hits.tsv", "outputs/targets.tbl"):
        assert f"{name}: the same, byte for byte\n" in ended.stdout


def test_parameters_of_every_kind_are_the_same(again: Again) -> None:
    """Including a number that the form shows rounded, and several files in one field."""
    again.run()
    ended = again.rerun()
    assert ended.exit_code == 0, ended.output
    for name in ("result.json", "outputs/values.txt", "outputs/tables.txt"):
        assert f"{name}: the same, byte for byte\n" in ended.stdout
    assert "The versions are the same: greeter " in ended.stdout
    with ZipFile(again.archive) as archive:
        assert b"Decimal('0.12345')" in archive.read("outputs/values.txt")
        assert archive.read("outputs/tables.txt") == b"firstsecondthird"


@pytest.mark.slow
def test_the_crate_of_this_job_has_all_that_the_profile_recommends(again: Again) -> None:
    """It has parameters of every kind, several files in one field, and reference data."""
    again.run()
    assert problems(again.folder, again.archive.read_bytes()) == ""


def test_the_software_of_a_site_with_its_own_name_is_compared(again: Again) -> None:
    """It has the name of the site in the archive."""
    again.settings["site_name"] = "Protein lab"
    again.run()
    assert "The versions are the same: Protein lab " in again.rerun().stdout


def test_what_differs_is_named_with_the_versions(again: Again) -> None:
    """A file that differs, one that is missing, and a new one; and the tool and the data, but no other version."""
    again.run()
    again.write(TOOL.replace('"values.txt"', '"others.txt"').replace("(1,", "(2,"))
    (again.folder / "release").write_text("2026_02\n")
    ended = again.rerun()
    assert ended.exit_code == 1, ended.output
    assert re.findall("^Version of ([^:]+)", ended.stdout, re.MULTILINE) == ["zz_again.py", "Proteins"]
    assert "Version of Proteins: 2026_01 then, 2026_02 now.\n" in ended.stdout
    assert "result.json: differs\n" in ended.stdout
    assert "outputs/values.txt: missing now\n" in ended.stdout
    assert "outputs/others.txt: not in the archive\n" in ended.stdout
    assert "outputs/tables.txt: the same, byte for byte\n" in ended.stdout


def test_a_job_that_failed_is_run_again(again: Again) -> None:
    """The reason is shown, then and now."""
    again.run(word="wrong")
    ended = again.rerun()
    assert ended.exit_code == 1
    assert "The job failed. There is no result. This word is wrong." in ended.stderr
    assert "Error: This word is wrong. Choose another." in ended.stderr
    again.write(TOOL.replace('== "wrong"', '== "right"'))
    assert "outputs/values.txt: not in the archive\n" in again.rerun().stdout


@pytest.mark.parametrize(
    ("path", "old", "new", "message"),
    [
        ("inputs/table", "first", "firs", "inputs/table was changed. Download job.zip again"),
        ("inputs/tables/0001", "third", "", "inputs/tables/0001 was changed. "),
        ("parameters.json", "true", "false", "parameters.json was changed. "),
        ("ro-crate-metadata.json", '"#run"', '"#walk"', "This is not the unchanged archive of a job: '#run'. "),
        ("ro-crate-metadata.json", "@graph", "\\x", "This is not the unchanged archive of a job: Invalid "),
        ("ro-crate-metadata.json", "{", "[" * 100_000, "archive of a job: maximum recursion depth exceeded"),
        ("ro-crate-metadata.json", "inputs/table", "#input-0/table", "so its archive has no input to run."),
        ("ro-crate-metadata.json", '"zz_again"', '"zz_gone"', "There is no tool 'zz_gone' here. Add its file to "),
    ],
)
def test_an_archive_that_cannot_be_run_is_refused(again: Again, path: str, old: str, new: str, message: str) -> None:
    """The message says what to do, and nothing is run."""
    again.run()
    again.change(path, old.encode(), new.encode())
    ended = again.rerun()
    assert ended.exit_code == 1
    assert isinstance(ended.exception, SystemExit)
    assert message in ended.stderr
    assert not list(again.folder.glob("zz_again-*"))


def test_a_tool_with_other_fields_is_not_run(again: Again) -> None:
    """The message has both, and the versions with which it would run."""
    again.run()
    again.write(TOOL.replace("word", "text"))
    ended = again.rerun()
    assert (
        "The tool is zz_again(day, many, no, none, share, table, tables, text, yes) now, and was zz_again("
        in ended.stderr
    )
    assert "Use the code with these versions: greeter " in ended.stderr


def test_another_file_is_no_archive(again: Again) -> None:
    """Nor is a ZIP archive of other things."""
    again.archive.write_text("text")
    assert "Error: This is not the unchanged archive of a job: File is not a zip file." in again.rerun().stderr
    with ZipFile(again.archive, "w") as archive:
        archive.writestr("a.txt", "text")
    assert "Download job.zip again from the page of the job." in again.rerun().stderr


def test_an_archive_of_others_cannot_control_the_terminal(again: Again) -> None:
    """Its texts are printed without control characters."""
    again.run()
    again.change("ro-crate-metadata.json", b"The job finished.", b"\\u001b[2JDone.")
    again.change("ro-crate-metadata.json", b'"softwareVersion": "', b'"softwareVersion": "\\u001b[31m\\n')
    again.change("ro-crate-metadata.json", b"outputs/values.txt", b"outputs/\\u009bvalues.txt")
    ended = again.rerun(color=True)
    assert "[2JDone." in ended.stderr
    assert "outputs/values.txt: missing now" in ended.stdout
    again.change("ro-crate-metadata.json", b"inputs/table", b"inputs/\\u001b[2Jtable")
    refused = again.rerun(color=True)
    assert "inputs/" in refused.stderr
    shown = ended.output + refused.output
    assert not set(shown) & {"\x1b", "\x9b"}, shown


@pytest.mark.parametrize(("name", "key"), [("ro-crate-metadata.json", b'"@graph"'), ("parameters.json", b'"word"')])
def test_a_json_file_of_any_size_takes_little_memory(again: Again, name: str, key: bytes) -> None:
    """It is refused before it is read as a whole: ZIP packs a thousandth."""
    again.run()
    again.change(name, key, key + b" " * 150_000_000)
    tracemalloc.start()
    ended = again.rerun()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert f"{name} has more than 16 MiB. Download job.zip again" in ended.stderr
    assert peak < 100_000_000


@pytest.mark.parametrize(
    ("most", "declared", "refused"),
    [
        (10_000_010, 10_000_000, TooLarge(10_000_011)),
        (10_000_011, 10_000_000, NotACrate("inputs/table was changed")),
        (1_000, 5, NotACrate("Bad CRC-32 for file 'inputs/table'")),
    ],
)
def test_the_input_files_never_take_more_than_their_limit(
    again: Again, tmp_path: Path, most: int, declared: int, refused: Exception
) -> None:
    """Neither if the archive says that they are large, nor if it says that they are small."""
    again.run()
    again.change("inputs/table", b"first", bytes(10_000_000))
    content = again.archive.read_bytes()
    again.archive.write_bytes(content.replace((10_000_000).to_bytes(4, "little"), declared.to_bytes(4, "little")))
    (folder := tmp_path / "read").mkdir()
    with pytest.raises(type(refused), match=f"^{refused}$"):
        read(again.archive, folder, most)
    assert sum(path.stat().st_size for path in folder.iterdir()) <= most


def test_an_archive_with_more_input_than_a_visitor_may_have_is_not_run(again: Again) -> None:
    """The message names the setting."""
    again.run()
    again.settings["max_client_bytes"] = 15
    ended = again.rerun()
    assert ended.exit_code == 1
    assert "The input files in this archive have 16 bytes, and MAX_CLIENT_BYTES is 15. If you trust " in ended.stderr
    again.settings["max_client_bytes"] = 16
    assert again.rerun().exit_code == 0


def test_values_of_other_types_are_refused(again: Again, tmp_path: Path) -> None:
    """Each value of the description in turn: what is read has texts, or it is no crate."""
    again.run()
    with ZipFile(again.archive) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    description = json.loads(files["ro-crate-metadata.json"])
    for place, other in product(places(description), (5, ["a"], {})):
        changed = replaced(description, place, other)
        with ZipFile(again.archive, "w") as archive:
            for name, content in (files | {"ro-crate-metadata.json": json.dumps(changed).encode()}).items():
                archive.writestr(name, content)
        with suppress(NotACrate):
            crate = read(again.archive, tmp_path, 1000)
            texts = [crate.tool, crate.summary, crate.error]
            for found in (crate.sums, crate.versions, crate.databases):
                texts += [*found, *found.values()]
            assert [text for text in texts if not isinstance(text, str)] == [], (place, other)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path to each value in a JSON document."""
    yield path
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in pairs:
        yield from places(one, (*path, key))


def replaced(value: Any, path: tuple[Any, ...], other: Any) -> Any:
    """Return a JSON document with another value at a path."""
    if not path:
        return other
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], other)
    return copy


DATABASE_TOOL = '''
from wtforms import Form
from greeter.toolkit import DatabaseField, tool

class SearchForm(Form):
    database = DatabaseField("Database", kind="protein")

@tool("Search", form=SearchForm)
def zz_again(job, database):
    """Count."""
    return {"records": database.path.read_text().count(">")}
'''


def add_database(again: Again, text: str) -> Database:
    """Add a small database, as `flask add-database` does, and return it."""
    databases = again.app().extensions["greeter"].databases
    with staged(databases.root) as folder:
        (folder / "sequences.fa").write_text(text)
        sums = {"sequences.fa": sha256(text.encode()).hexdigest()}
        known: dict[str, Any] = {"id": "pdb", "version": "1", "title": "PDB", "kind": "protein", "file": "sequences.fa"}
        known |= {"licence": "CC0", "source": "https://pdb.example/", "released": "2026-10-14"}
        known |= {"sequences": text.count(">"), "residues": 3 * text.count(">"), "longest": 3}
        published: Database = databases.publish(
            folder, Database.from_description(known | {"files": sums}, databases.root)
        )
        return published


@pytest.mark.slow
def test_the_database_of_a_job_is_described_and_compared(again: Again) -> None:
    """Even if it is paused, and if another site has other files under its name, or does not have it."""
    again.write(DATABASE_TOOL)
    database = add_database(again, ">a\nMKV\n")
    again.run_with_database(database)
    assert problems(again.folder, again.archive.read_bytes()) == ""
    entities, _ = read_crate(again.archive.read_bytes())
    assert {"@id": "#database-database"} in entities["#run"]["object"]
    described = entities["#database-database"]
    assert (described["identifier"], described["version"]) == ("pdb/1", "1")
    assert described["sha256"] == database.files["sequences.fa"]
    same = again.rerun()
    assert same.exit_code == 0, same.output
    assert f"pdb/1 {database.files['sequences.fa'][:12]}." in same.stdout

    again.app().extensions["greeter"].databases.pause(database, "Use the next one.")
    assert again.rerun().exit_code == 0

    shutil.rmtree(database.folder)
    other = add_database(again, ">a\nMKV\n>b\nMKV\n")
    then, now = (one.files["sequences.fa"][:12] for one in (database, other))
    differs = again.rerun()
    assert differs.exit_code == 1
    assert f"Version of pdb/1: {then} then, {now} now.\n" in differs.stdout
    assert "result.json: differs\n" in differs.stdout

    shutil.rmtree(database.folder)
    gone = again.rerun()
    assert gone.exit_code == 2
    assert f"Version of pdb/1: {then} then, not here now.\n" in gone.stdout
    assert "--database: This site does not have this database." in gone.stderr


def test_a_database_that_was_changed_on_the_disk_is_named(again: Again) -> None:
    """By the sum of its file, not the one in its description, which says nothing of a damage."""
    again.write(DATABASE_TOOL)
    database = add_database(again, ">a\nMKV\n")
    again.run_with_database(database)
    check = ["list-databases", "--check"]
    checked = again.app().test_cli_runner().invoke(args=check)
    assert (checked.exit_code, "damaged" in checked.output) == (0, False)
    database.path.write_text(">a\nMKV\n>b\nMKV\n")
    found = sha256(database.path.read_bytes()).hexdigest()[:12]
    ended = again.rerun()
    assert ended.exit_code == 1
    assert f" then, {found} (sequences.fa was changed after it was added) now.\n" in ended.stdout
    checked = again.app().test_cli_runner().invoke(args=check)
    assert checked.exit_code == 1
    assert "damaged, add it again as another version: sequences.fa\n" in checked.output
    database.path.unlink()
    assert again.app().test_cli_runner().invoke(args=check).exit_code == 1
    assert "not here now.\n" in again.rerun().stdout
