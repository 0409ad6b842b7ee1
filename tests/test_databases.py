"""Databases of a running site: added, paused and removed while jobs run, without a restart."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT, Installation, wait_for
from tests.http import fetch, post, submit, wait_for_end

pytestmark = pytest.mark.slow


def flask(site: Installation, *words: str | Path) -> str:
    """Run a command of `flask` with the settings of the site, and return what it prints."""
    ended = subprocess.run(
        [Path(sys.executable).parent / "flask", "--app", "tests.entries:web", *words],
        env=os.environ | site.environ | {"TMPDIR": str(site.settings.data_dir)},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return ended.stdout


def test_a_database_is_added_and_removed_while_jobs_run(installation: Installation, tmp_path: Path) -> None:
    """New jobs can use it at once, and it stays until the last job that names it is deleted."""
    site, name = installation, "pdb/2026_11"
    fasta = tmp_path / "pdb.fa"
    fasta.write_text(">a\nMKVLAWTRH\n>b\nMKV\n")
    add = ("add-database", fasta, "--id", "pdb", "--version", "2026_11", "--title", "PDB", "--licence", "CC0")
    running = submit(site, "count_database", database="globins", seconds="600")
    wait_for(lambda: json.loads(fetch(site, f"{running}.json").body)["phase"] == "running")
    assert f'value="{name}"' not in fetch(site, "/tools/count_database").body
    assert f"Added {name}" in flask(site, *add)
    assert json.loads(fetch(site, f"{running}.json").body)["active"]
    assert f'value="{name}">PDB version 2026_11 (2 sequences)<' in fetch(site, "/tools/count_database").body

    job = submit(site, "count_database", database=name, seconds="0")
    page = wait_for_end(site, job)
    assert "PDB version 2026_11, 2 sequences, CC0" in page
    status = json.loads(fetch(site, f"{job}.json").body)
    assert status["result"] == {"name": name, "longest": 9, "records": 2, "index": [">a", ">b"]}
    used = json.loads(fetch(site, f"/api/v1{job}/results").body)["databases"]["database"]
    recorded = status["databases"]["database"]
    assert used == {"name": name, **recorded}
    assert (recorded["id"], recorded["version"], len(recorded["files"])) == ("pdb", "2026_11", 2)
    assert recorded["files"]["sequences.fa"] in page
    (tmp_path / "job.zip").write_bytes(fetch(site, f"{job}/job.zip").raw)
    with zipfile.ZipFile(tmp_path / "job.zip") as archive:
        assert json.loads(archive.read("parameters.json")) == {"database": name, "seconds": 0.0}
        described = {entity["@id"]: entity for entity in json.loads(archive.read("ro-crate-metadata.json"))["@graph"]}
    assert described["#database-database"]["version"] == "2026_11"
    assert "outputs/records.txt: the same, byte for byte" in flask(site, "rerun", tmp_path / "job.zip")
    assert f"Jobs that name {name}: 1, including ended ones" in flask(site, "remove-database", name)
    assert f"{name}: PDB, protein, 2 sequences; jobs that name it: 1\n" in flask(site, "list-databases")

    assert "Paused" in flask(site, "pause-database", name, "--reason", "Use the next one.")
    assert (
        f'<option selected value="{name}">PDB version 2026_11 (2 sequences, paused)<' in fetch(site, f"{job}/edit").body
    )
    again = fetch(site, f"{job}/again", "POST")
    assert (again.status, again.headers["Location"]) == (303, f"{job}/edit")
    refused = post(site, "/tools/count_database", database=name, seconds="0")
    assert (refused.status, "PDB version 2026_11 is paused: Use the next one." in refused.body) == (422, True)

    assert json.loads(fetch(site, f"{running}.json").body)["phase"] == "running"
    fetch(site, f"{running}/cancel", "POST")
    wait_for_end(site, running)
    for ended in (job, running):
        fetch(site, f"{ended}/delete", "POST")
    assert f"Removed {name}.\n" in flask(site, "remove-database", name)
    assert name not in fetch(site, "/tools/count_database").body
    assert not (site.settings.data_dir / "databases/pdb").exists()
    gone = post(site, "/tools/count_database", database=name, seconds="0")
    assert (gone.status, "This site does not have this database." in gone.body) == (422, True)
