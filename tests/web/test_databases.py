"""Reference databases: the commands of the operator, and what a form offers."""

import gzip
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient

from greeter import create_app
from greeter.jobs.files import probe
from greeter.toolkit.database import Database
from tests.conftest import PATIENCE, ROOT, Installation, wait_for

FASTA = ">a one\nMKVLAWTRH\nMKV\n>b\nMKVLAWTRHMKVLAWTRH\n"
Run = Callable[..., Result]
Add = Callable[..., Result]


@pytest.fixture
def run(app: Flask) -> Run:
    """Run a command of `flask`."""
    return lambda *words, stdin=b"": app.test_cli_runner().invoke(args=list(map(str, words)), input=stdin)


@pytest.fixture
def add(run: Run, tmp_path: Path) -> Add:
    """Add a text as a version of a database."""

    def add(text: str | bytes = FASTA, id_: str = "swissprot", version: str = "2026_04", *options: str) -> Result:
        path = tmp_path / "new.fa"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return run("add-database", path, "--id", id_, "--version", version, *options)

    return add


def described(app: Flask, name: str = "swissprot/2026_04") -> Database:
    """Return what is known of a version."""
    found = app.extensions["greeter"].databases.find(name)
    assert found
    return found


def is_empty(app: Flask) -> bool:
    """Return whether there is no database, nor anything left of one."""
    folder = app.extensions["greeter"].settings.data_dir / "databases"
    return not folder.exists() or [path.name for path in folder.iterdir()] == [".lock"]


def offered(client: FlaskClient, tool: str = "count_database") -> list[str]:
    """Return the values of the options of a form."""
    return re.findall('<option[^>]*value="([^"]+)"', client.get(f"/tools/{tool}").text)


def test_a_new_database_is_checked_counted_and_indexed(app: Flask, add: Add) -> None:
    """The file may be packed. Its folder has the description, and the SHA-256 of each file."""
    options = ("--title", "Swiss-Prot", "--source", "https://www.uniprot.org/", "--licence", "CC BY 4.0")
    added = add(gzip.compress(FASTA.encode()), "swissprot", "2026_04", *options, "--released", "2026-10-14")
    assert (added.exit_code, added.output) == (
        0,
        "Added swissprot/2026_04: Swiss-Prot, protein, 2 sequences. Forms offer it now.\n",
    )
    found = described(app)
    assert found.path.read_text() == FASTA
    assert (found.sequences, found.residues, found.longest, found.released) == (2, 30, 18, "2026-10-14")
    assert found.files == {
        "sequences.fa": sha256(FASTA.encode()).hexdigest(),
        "sequences.names": sha256(b">a\n>b").hexdigest(),
    }
    assert found.folder == app.extensions["greeter"].settings.data_dir / "databases/swissprot/2026_04"
    assert json.loads((found.folder / "database.json").read_text()) == found.about
    assert sorted(path.name for path in found.folder.iterdir()) == ["database.json", "sequences.fa", "sequences.names"]


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (">a\nMK1\n", [], "new.fa: Line 2, record 'a': '1' is not an amino acid."),
        (">a\nMK\n>a\nMK\n", [], "the name 'a' is already used in line 1."),
        (">a\n" + "MKVLAWTRH\n" * 200, [], "the sequence is longer than 1,000 residues."),
        (gzip.compress(FASTA.encode(), mtime=0)[:-9], [], "This gzip file is damaged or incomplete."),
        ("", [], "The file is empty."),
        ("one 2", ["--kind", "words"], "There is a digit. Remove it."),
        (FASTA, ["--kind", "spectra"], "No tool uses databases of the kind 'spectra'."),
        (FASTA, ["--id", "Swiss Prot"], "An id has up to 40 of a-z"),
        (FASTA, ["--version", "../x"], "a version may also have A-Z and the dot."),
    ],
)
def test_an_unsuitable_file_is_refused(
    app: Flask, add: Add, text: str | bytes, options: list[str], message: str
) -> None:
    """The message says what is wrong, and nothing is left behind."""
    refused = add(text, "swissprot", "2026_04", *options)
    assert refused.exit_code
    assert message in refused.output
    assert is_empty(app)


UNIPROT = """\
>sp|P68871|HBB_HUMAN Hemoglobin subunit beta OS=Homo sapiens OX=9606 GN=HBB PE=1 SV=2
MVHLTPEEKSAVTALWGKVNVDEVGGEALGRLLVVYPWTQRFFESFGDLSTPDAVMGNPK
VKAHGKKVLGAFSDGLAHLDNLKGTFATLSELHCDKLHVDPENFRLLGNVLVCVLAHHFG
KEFTPPVQAAYQKVVAGVANALAHKYH
>sp|P00001-2|ODD_X12 Isoform 2 of 5'-3' odd [protein] OS=Escherichia coli (strain K12 / λ) OX=83333 PE=1 SV=4
MUOXBZJ
"""


@pytest.mark.parametrize("page", ["docs/databases.md", "deploy/README.md"])
def test_swiss_prot_is_added_with_the_command_of_the_documentation(app: Flask, run: Run, page: str) -> None:
    """The file is as UniProt sends it, through a pipe."""
    (command,) = re.findall(r"uniprot_sprot.fasta.gz \| \S+ .*?flask ((?:.*\\\n)*.*)\n", (ROOT / page).read_text())
    added = run(*shlex.split(command.replace("\\\n", "")), stdin=gzip.compress(UNIPROT.encode()))
    assert added.output == "Added swissprot/2026_04: Swiss-Prot, protein, 2 sequences. Forms offer it now.\n"
    found = described(app)
    assert (found.path.read_text(), found.default, found.released) == (UNIPROT, True, "2026-10-14")
    assert sorted(path.name for path in app.extensions["greeter"].databases.root.iterdir()) == [".lock", "swissprot"]


def test_a_file_of_another_kind_from_standard_input_is_called_like_the_database(app: Flask, run: Run) -> None:
    """It has no name of its own."""
    options = ("--id", "own", "--version", "1", "--kind", "words")
    assert run("add-database", "-", *options, stdin=gzip.compress(b"one two")).exit_code == 0
    assert (described(app, "own/1").path.name, described(app, "own/1").path.read_text()) == ("own", "one two")


@pytest.mark.parametrize("end", [0, 1, 2, 9, 40, -9, -1])
def test_a_download_that_breaks_off_is_refused(app: Flask, run: Run, end: int) -> None:
    """At any byte, and if nothing arrives. Nothing is left behind."""
    broken = gzip.compress(FASTA.encode(), mtime=0)[:end]
    refused = run("add-database", "-", "--id", "swissprot", "--version", "2026_04", stdin=broken)
    expected = "Standard input must be a gzip file" if end in (0, 1) else "This gzip file is damaged or incomplete."
    assert (refused.exit_code, expected in refused.output) == (1, True), refused.output
    assert "Nothing was added." in refused.output
    assert is_empty(app)


def test_only_a_packed_file_is_taken_from_standard_input(app: Flask, run: Run) -> None:
    """Nobody would notice that the end of any other is missing."""
    refused = run("add-database", "-", "--id", "swissprot", "--version", "2026_04", stdin=FASTA.encode())
    assert (refused.exit_code, "Standard input must be a gzip file" in refused.output) == (1, True)
    assert is_empty(app)


@pytest.mark.parametrize(
    "name", ["database.json", ".database.json", ".hidden", ".gz", "database.json.gz", "a\nb", b"\xff"]
)
def test_a_name_that_is_needed_otherwise_is_refused(app: Flask, run: Run, tmp_path: Path, name: str | bytes) -> None:
    """The description would replace such a file, or nothing would show it. The message says what to do."""
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + os.fsencode(name)))
    path.write_text("one two")
    refused = run("add-database", path, "--id", "own", "--version", "1", "--kind", "words")
    assert refused.exit_code == 1
    assert "A file of a database cannot be called " in refused.output
    assert "Give it another name, and add it again." in refused.output
    assert app.extensions["greeter"].databases.find("own/1") is None


def test_a_file_of_any_other_name_keeps_it(app: Flask, run: Run, tmp_path: Path) -> None:
    """An index may have a folder; its sum is listed too."""
    path = tmp_path / "Wörter 1.txt.gz"
    path.write_bytes(gzip.compress(b"one two"))
    assert (
        run("add-database", path, "--id", "own", "--version", "1", "--kind", "words", "--title", "Wörter").exit_code
        == 0
    )
    found = described(app, "own/1")
    assert found.title == "Wörter"
    assert found.path.name == "Wörter 1.txt"
    assert found.files == {"Wörter 1.txt": sha256(b"one two").hexdigest(), "index/words": sha256(b"one").hexdigest()}


def test_a_disk_that_cannot_be_written_is_an_error_with_advice(app: Flask, add: Add) -> None:
    """As when it is full."""
    app.extensions["greeter"].databases.root.write_text("no folder")
    refused = add()
    assert refused.exit_code == 1
    assert "File exists" in refused.output
    assert "Nothing was added. Correct this, and run the command again." in refused.output


@pytest.mark.parametrize("command", [["pause-database", "--reason", "No."], ["resume-database"]])
def test_a_description_that_cannot_be_written_is_an_error_with_advice(
    add: Add, run: Run, app: Flask, command: list[str]
) -> None:
    """Nothing is changed, and the command can be run again."""
    add(FASTA, "swissprot", "2026_04", "--default")
    hindrance = described(app).folder / ".database.json"
    hindrance.mkdir()
    refused = run(*command, "swissprot/2026_04")
    assert refused.exit_code == 1
    assert "Nothing was changed. Correct this, and run the command again." in refused.output
    assert "Nothing was added." in add(FASTA, "pdb", "1", "--default").output
    hindrance.rmdir()
    assert add(FASTA, "pdb", "1", "--default").exit_code == 0
    assert [one.name for one in app.extensions["greeter"].databases.published() if one.default] == ["pdb/1"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("database.json two", "The index function index_words has written 'database.json', which belongs to another"),
        ("fail", "returned non-zero exit status 1. Nothing was added. Correct this, and run the command again."),
    ],
)
def test_an_index_that_cannot_be_made_is_an_error_with_advice(app: Flask, add: Add, words: str, message: str) -> None:
    """It is a mistake of the tool, or its program fails."""
    added = add(words, "own", "1", "--kind", "words")
    assert (added.exit_code, message in added.output) == (1, True), added.output
    assert is_empty(app)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_command_that_is_ended_leaves_nothing_for_long(
    app: Flask, add: Add, tmp_path: Path, number: signal.Signals
) -> None:
    """What a killed one leaves is removed by the next one, but not while another is at work."""
    words, root = tmp_path / "words", app.extensions["greeter"].databases.root
    words.write_text("wait\n")
    flask = str(Path(sys.executable).parent / "flask")
    command = ["env", "--default-signal=HUP"]  # the tests may be run by nohup
    command += [flask, "--app", "tests.entries:web", "add-database", str(words)]
    command += ["--id", "own", "--version", "1", "--kind", "words"]
    environ = os.environ | {"DATA_DIR": str(tmp_path), "REDIS_URL": app.extensions["greeter"].settings.redis_url}
    process = subprocess.Popen(command, cwd=ROOT, env=environ)
    try:
        wait_for(lambda: [*root.glob(".staged-*/*/words")])
        assert add(FASTA, "swissprot", "1").exit_code == 0
        assert [*root.glob(".staged-*/*/words")]
        process.send_signal(number)
        process.wait(PATIENCE)
    finally:
        process.kill()
        process.wait()
    assert bool([*root.glob(".staged-*")]) == (number == signal.SIGKILL)
    assert add(FASTA, "swissprot", "2").exit_code == 0
    assert sorted(path.name for path in root.iterdir()) == [".lock", "swissprot"]


def test_a_version_is_never_changed(app: Flask, add: Add) -> None:
    """Adding it again is refused."""
    assert add().exit_code == 0
    again = add(">other\nMKV\n")
    assert (again.exit_code, "swissprot/2026_04 already exists." in again.output) == (1, True)
    assert described(app).path.read_text() == FASTA


def test_a_form_offers_the_newest_version_first(client: FlaskClient, add: Add, run: Run) -> None:
    """Those that come with greeter are the last. The newest of the database that was the last default is chosen."""
    for version in ("9", "10", "2"):
        add(FASTA, "swissprot", version)
    add(FASTA, "pdb", "1.5")
    names = ["pdb/1.5", "swissprot/10", "swissprot/9", "swissprot/2", "globins/1"]
    assert offered(client) == names
    assert (
        '<option selected value="pdb/1.5">pdb version 1.5 (2 sequences)</option>'
        in client.get("/tools/count_database").text
    )
    add(FASTA, "zinc", "1", "--default")
    assert '<option selected value="zinc/1">' in client.get("/tools/count_database").text
    add(FASTA, "zinc", "2")
    assert '<option selected value="zinc/2">' in client.get("/tools/count_database").text
    add(FASTA, "zz", "1", "--default")
    assert '<option selected value="zz/1">' in client.get("/tools/count_database").text
    assert run("prefer-database", "pdb/1.5").output == "Forms choose the newest version of pdb that is not paused.\n"
    assert '<option selected value="pdb/1.5">' in client.get("/tools/count_database").text
    assert [line.endswith("default") for line in run("list-databases").output.splitlines()].count(True) == 1
    add(FASTA, "swissprot", "11", "--title", "A title that only this version has")
    assert offered(client)[:4] == ["swissprot/11", "swissprot/10", "swissprot/9", "swissprot/2"]
    assert "This site has no database for this yet." in client.get("/tools/read_words").text


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("swissprot/2025_01", "This site does not have this database. Choose another one."),
        ("swissprot/2026_04", "swissprot version 2026_04 is paused: It is damaged. Choose another one."),
    ],
)
def test_a_database_that_cannot_be_used_is_refused(
    client: FlaskClient, add: Add, run: Run, value: str, message: str
) -> None:
    """The form says why, and keeps what was entered."""
    add()
    assert run("pause-database", "swissprot/2026_04", "--reason", "It is damaged.").exit_code == 0
    answer = client.post("/tools/count_database", data={"database": value, "seconds": "3.5"})
    assert answer.status_code == 422
    assert f">{message}<" in answer.text
    assert 'value="3.5"' in answer.text


def test_the_form_shows_why_a_database_is_paused(client: FlaskClient, add: Add, run: Run) -> None:
    """It is not chosen by default. After `resume-database` it is as before."""
    add(FASTA, "swissprot", "2026_04", "--default")
    run("pause-database", "swissprot/2026_04", "--reason", "It is damaged.")
    page = client.get("/tools/count_database").text
    assert "swissprot version 2026_04 is paused: It is damaged.</span>" in page
    assert '<option value="swissprot/2026_04">swissprot version 2026_04 (2 sequences, paused)</option>' in page
    assert '<option selected value="globins/1">' in page
    assert "paused: It is damaged." in run("list-databases").output
    assert run("pause-database", "swissprot/2026_04", "--reason", " ").exit_code == 2
    assert "paused: It is damaged." in run("list-databases").output
    run("resume-database", "swissprot/2026_04")
    assert '<option selected value="swissprot/2026_04">' in client.get("/tools/count_database").text


def test_a_needed_database_is_asked_for(client: FlaskClient, add: Add) -> None:
    """A form without one is refused, and says so if the site has none."""
    assert ">This site has no database for this yet.<" in client.post("/tools/read_words", data={}).text
    assert add("one two", "words", "1", "--kind", "words").exit_code == 0
    answer = client.post("/tools/read_words", data={})
    assert (answer.status_code, ">Choose a database.<" in answer.text) == (422, True)


def test_the_shell_takes_a_database_by_its_name(app: Flask, add: Add, run: Run) -> None:
    """Without a version, it is the newest one that is not paused."""
    for version in ("1", "2", "3"):
        add(FASTA, "swissprot", version)
    run("pause-database", "swissprot/3", "--reason", "Damaged.")
    result = json.loads(run("run-tool", "count_database", "--database", "swissprot").stdout)
    assert result == {"name": "swissprot/2", "longest": 18, "records": 2, "index": [">a", ">b"]}


@pytest.mark.parametrize(
    "command", [["pause-database", "--reason", "No."], ["resume-database"], ["remove-database"], ["prefer-database"]]
)
def test_only_what_was_added_can_be_changed(run: Run, command: list[str]) -> None:
    """What comes with greeter is part of its code."""
    assert "swissprot/1 does not exist. `flask list-databases`" in run(*command, "swissprot/1").output
    assert "globins/1 comes with greeter." in run(*command, "globins/1").output


def test_nothing_is_removed_without_redis(app: Flask, add: Add, run: Run) -> None:
    """Redis knows whether a job names it."""
    add()
    refused = run("remove-database", "swissprot/2026_04")
    assert (refused.exit_code, "Redis cannot be used" in refused.output) == (1, True)
    assert described(app).path.exists()
    assert "jobs that name it: unknown, Redis does not answer" in run("list-databases").output


@pytest.mark.redis
def test_jobs_can_use_a_version_whose_removal_failed(
    with_redis: Installation, tmp_path: Path, add: Add, run: Run
) -> None:
    """As on a disk that is read-only, or here because the folder of the database is on another disk."""
    app = create_app(with_redis.settings)
    client, root = app.test_client(), with_redis.settings.data_dir / "databases"
    add()
    with TemporaryDirectory(dir="/dev/shm") as other:  # a disk of its own
        shutil.move(root / "swissprot", Path(other))
        (root / "swissprot").symlink_to(Path(other) / "swissprot")
        refused = app.test_cli_runner().invoke(args=["remove-database", "swissprot/2026_04"])
        advice = "another disk. Instead of it, make `databases` a symbolic link. Nothing was"
        assert f"{advice} removed. Correct this" in refused.output
        assert f"{advice} added. Correct this" in add(FASTA, "swissprot", "2026_05").output
        assert offered(client) == ["swissprot/2026_04", "globins/1"]
        inputs = {"database": "swissprot/2026_04"}
        answer = client.post("/api/v1/processes/count_database/execution", json={"inputs": inputs})
        assert answer.status_code == 201, answer.text


def test_a_damaged_description_leaves_the_others(app: Flask, client: FlaskClient, add: Add) -> None:
    """It may have been written by hand."""
    add()
    texts = ("{", "[]", '{"id": "c"}', '{"id": 1, "later": true}', "[" * 100_000)
    for name, text in zip("abcde", texts, strict=True):
        folder = app.extensions["greeter"].databases.root / "other" / name
        folder.mkdir(parents=True)
        (folder / "database.json").write_text(text)
    assert offered(client) == ["swissprot/2026_04", "globins/1"]


def test_a_description_with_wrong_values_leaves_the_others(
    app: Flask, client: FlaskClient, add: Add, caplog: pytest.LogCaptureFixture
) -> None:
    """What pages and tools need is there, and of its type. The log names what is wrong."""
    add()
    right = described(app).about | {"id": "other"}
    wrong: dict[str, list[object]] = {"title": [None], "released": [2026], "kind": [[]], "longest": [None]}
    wrong |= {"residues": ["9"], "sequences": [0], "file": ["../sequences.fa"], "files": [{}, None]}
    changes: list[dict[str, object]] = [{name: value} for name, values in wrong.items() for value in values]
    for number, change in enumerate([{}, *changes]):
        folder = app.extensions["greeter"].databases.root / "other" / str(number)
        folder.mkdir(parents=True)
        (folder / "database.json").write_text(json.dumps(right | {"version": str(number)} | change))
    assert set(offered(client)) == {"other/0", "swissprot/2026_04", "globins/1"}
    assert "title=None is of the wrong type. Use str.\n" in caplog.text
    assert "database.json does not have the SHA-256 of 'sequences.fa'\n" in caplog.text


def test_a_disk_that_does_not_answer_delays_no_form_for_long(
    app: Flask, client: FlaskClient, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The form offers what it offered before."""
    add()
    assert offered(client) == ["swissprot/2026_04", "globins/1"]
    hanging = app.extensions["greeter"].databases.root / "other/1/database.json"
    hanging.parent.mkdir(parents=True)
    os.mkfifo(hanging)  # opening it waits for a writer
    try:
        with monkeypatch.context() as impatient:
            impatient.setattr(probe, "_PATIENCE", 0.2)
            assert [offered(client) for _ in range(3)] == [["swissprot/2026_04", "globins/1"]] * 3
    finally:
        hanging.open("w").close()
