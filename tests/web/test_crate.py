"""Tests of job.zip, the RO-Crate of an ended job."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from shutil import copytree
from zipfile import ZipFile

import pytest
from flask import Flask
from flask.testing import FlaskClient
from kombu.utils.json import dumps

from greeter import create_app
from greeter.jobs.records.samples import Samples
from greeter.tools import SAMPLES
from tests.conftest import Installation
from tests.crates import problems, read_crate
from tests.http import fetch, submit, wait_for_end

HOSTILE = '</script><b>"Möbius" \u2028'


def ids(value: object) -> list[str]:
    """Return the ids in a property, which has one reference or a list."""
    return [one["@id"] for one in (value if isinstance(value, list) else [value])]


@pytest.mark.slow
def test_the_crate_of_a_sample_has_all_that_the_profile_recommends(client: FlaskClient, tmp_path: Path) -> None:
    """It has the input, the result and its files unchanged, and who, what, when and how."""
    answer = client.get("/jobs/sample-phmmer/job.zip")
    assert answer.headers["Content-Disposition"] == "attachment; filename=sample-phmmer.zip"
    assert problems(tmp_path, answer.data) == ""
    entities, files = read_crate(answer.data)
    folder = SAMPLES / "sample-phmmer"
    for name in ("query", "targets"):
        assert files[f"inputs/{name}"] == (folder / "inputs" / name).read_bytes()
    outputs = {path.name: path.read_bytes() for path in (folder / "attempts/1/outputs").glob("[!_]*")}
    assert {name: files[f"outputs/{name}"] for name in outputs} == outputs
    assert json.loads(files["parameters.json"]) == {"database": None, "evalue": 10.0}
    record = json.loads((folder / "record.json").read_text())
    assert json.loads(files["result.json"]) == json.loads(record["snapshot"]["result"])
    run = entities["#run"]
    assert (run["@type"], run["actionStatus"]) == ("CreateAction", "http://schema.org/CompletedActionStatus")
    assert ids(run["result"]) == ["result.json", *(f"outputs/{name}" for name in sorted(outputs))]
    assert set(ids(run["object"])) == {
        "inputs/query",
        "inputs/targets",
        "parameters.json",
        "#parameter-database",
        "#parameter-evalue",
    }
    tool = entities[run["instrument"]["@id"]]
    assert (tool["@id"], tool["identifier"]) == ("http://localhost/tools/phmmer", "phmmer")
    versions = {entities[one]["name"]: entities[one]["softwareVersion"] for one in ids(tool["softwareRequirements"])}
    assert versions == record["provenance"]["versions"]
    assert entities["#parameter-evalue"]["value"] == 10.0
    agent = entities[run["agent"]["@id"]]
    assert (agent["@id"], agent["@type"], agent["name"]) == ("#none", "Person", "None recorded")
    assert [entities["./"][role]["@id"] for role in ("author", "publisher")] == ["http://localhost/"] * 2


def test_the_sums_are_those_of_the_page(client: FlaskClient) -> None:
    """The page has those of the input files."""
    entities, _ = read_crate(client.get("/jobs/sample-mafft/job.zip").data)
    page = client.get("/jobs/sample-mafft").text
    sums = re.findall(r"<code>([0-9a-f]{64})</code>", page)
    assert sums == [entities["inputs/sequences"]["sha256"]]
    assert '<a href="/jobs/sample-mafft/job.zip">Download all of this</a>' in page


def test_a_sample_without_files_has_a_crate(client: FlaskClient) -> None:
    """Its parameters are text, and its result is what the tool returned."""
    entities, files = read_crate(client.get("/jobs/sample-expensive_greet/job.zip").data)
    assert set(files) == {"parameters.json", "result.json"}
    assert entities["#parameter-person"]["value"] == "Ada Lovelace"
    assert entities["#run"]["result"] == {"@id": "result.json"}


@pytest.mark.slow
def test_the_crate_of_a_job_with_many_files_and_a_hostile_label(installation: Installation, tmp_path: Path) -> None:
    """It has the listed files only. The label is its name, and the address of the page is nowhere in it."""
    path = submit(installation, "publish", label=HOSTILE)
    page = wait_for_end(installation, path)
    answer = fetch(installation, f"{path}/job.zip")
    assert answer.headers["Content-Type"] == "application/zip"
    assert answer.headers.get_filename() == "scriptbMobius.zip"
    assert problems(tmp_path, answer.raw) == ""
    entities, files = read_crate(answer.raw)
    outputs = installation.settings.data_dir / path[1:] / "attempts/1/outputs"
    listed = {one.name: one.read_bytes() for one in outputs.iterdir() if not one.name.startswith("_")}
    assert {name: files[f"outputs/{name}"] for name in listed} == listed
    assert len(files) == len(listed) + 3
    assert entities["./"]["name"] == HOSTILE.replace("\u2028", "").strip()
    assert entities["outputs/hits.tsv"]["description"] == "One line per <hit>."
    assert b"exit status 0" in files["commands.txt"]
    assert path.removeprefix("/jobs/") not in json.dumps(entities)
    assert f'<a href="{path}/job.zip">All files</a>' in page


@pytest.mark.slow
def test_the_crate_of_a_partial_result_says_so(installation: Installation) -> None:
    """The result of a job that was stopped at its time limit is not complete."""
    path = submit(installation, "yield_some")
    wait_for_end(installation, path)
    entities, files = read_crate(fetch(installation, f"{path}/job.zip").raw)
    assert "stopped at its time limit. The result is partial." in entities["#run"]["description"]
    assert set(json.loads(files["result.json"])) == {"counted"}


@pytest.mark.slow
def test_the_crate_of_a_failed_job_says_why(installation: Installation, tmp_path: Path) -> None:
    """It has no result, and nothing of the traceback of a bug."""
    for tool, error in (
        ("blame", "There is no gene in this sequence. Try another one."),
        ("stumble", r"Something went wrong at 127\.0\.0\.1:\d+\. The reference is [0-9a-f]{8}\."),
    ):
        path = submit(installation, tool)
        wait_for_end(installation, path)
        answer = fetch(installation, f"{path}/job.zip")
        entities, files = read_crate(answer.raw)
        assert re.fullmatch(error, entities["#run"]["error"])
        assert entities["#run"]["actionStatus"] == "http://schema.org/FailedActionStatus"
        assert set(files) == {"parameters.json"}
        assert "secret detail" not in json.dumps(entities)
    assert problems(tmp_path, answer.raw) == ""


@pytest.mark.slow
def test_the_crate_of_a_cancelled_job_describes_the_removed_input(with_redis: Installation, tmp_path: Path) -> None:
    """There is none while the job is active. It never ran, so it has no versions, and its files are removed."""
    visitor = create_app(with_redis.settings).test_client()
    path = visitor.post("/tools/phmmer", data={"query": ">q\nVHLTPEEKSAVTALWGKVNV", "evalue": "0.5"}).headers[
        "Location"
    ]
    assert visitor.get(f"{path}/job.zip").status_code == 404
    visitor.post(f"{path}/cancel")
    archive = visitor.get(f"{path}/job.zip").data
    assert problems(tmp_path, archive) == ""
    entities, files = read_crate(archive)
    assert set(files) == {"parameters.json"}
    assert (entities["#run"]["@type"], entities["#run"]["error"]) == ("ActivateAction", "The job was cancelled.")
    assert entities["#input-0"]["sha256"] in visitor.get(path).text
    assert "startTime" not in entities["#run"]


@pytest.mark.slow
def test_a_job_of_which_one_of_several_inputs_is_gone(with_redis: Installation) -> None:
    """Its archive has none of them, and it can be edited but not run again."""
    visitor = create_app(with_redis.settings).test_client()
    variants = [(io.BytesIO(b"#CHROM\n"), f"{name}.vcf") for name in ("first", "second")]
    given = {"variants": variants, "genes": (io.BytesIO(b"1\t7\tHBB\n"), "genes.tsv")}
    path = visitor.post("/tools/merge", data=given).headers["Location"]
    visitor.post(f"{path}/cancel")
    folder = with_redis.store.files.folder(path.removeprefix("/jobs/"), "inputs")
    (folder / "variants").mkdir()
    for name in ("variants/0000", "genes"):
        (folder / name).touch()
    entities, files = read_crate(visitor.get(f"{path}/job.zip").data)
    assert set(files) == {"parameters.json"}
    assert [entities[f"#input-{number}"]["name"] for number in range(3)] == ["first.vcf", "second.vcf", "genes.tsv"]
    assert "Run again" not in visitor.get(path).text
    assert visitor.get(f"{path}/edit").status_code == 200


@pytest.mark.slow
def test_the_check_finds_what_is_missing(client: FlaskClient, tmp_path: Path) -> None:
    """A crate without something that is only recommended does not pass."""
    content = client.get("/jobs/sample-expensive_greet/job.zip").data
    changed = io.BytesIO()
    with ZipFile(io.BytesIO(content)) as source, ZipFile(changed, "w") as target:
        for name in source.namelist():
            target.writestr(name, source.read(name).replace(b'"agent"', b'"about"'))
    assert "The Action SHOULD have an agent" in " ".join(problems(tmp_path, changed.getvalue()).split())


@pytest.fixture
def mafft(app: Flask, tmp_path: Path) -> Path:
    """The folder of a copy of a sample."""
    samples = Samples(tmp_path / "samples")
    app.extensions["greeter"] = replace(app.extensions["greeter"], samples=samples)
    return Path(copytree(SAMPLES / "sample-mafft", samples.files.folder("sample-mafft")))


def test_an_input_that_the_tool_changed_has_the_sum_of_the_file_in_the_crate(client: FlaskClient, mafft: Path) -> None:
    """And the one with which it was submitted, as the page has it."""
    (mafft / "inputs/sequences").write_text(">changed")
    (submitted,) = re.findall(r"<code>([0-9a-f]{64})</code>", client.get("/jobs/sample-mafft").text)
    entities, _ = read_crate(client.get("/jobs/sample-mafft/job.zip").data)
    assert f"Its SHA-256 was {submitted} when it was submitted." in entities["inputs/sequences"]["description"]


def test_a_parameter_is_written_as_schema_org_does(client: FlaskClient, mafft: Path) -> None:
    """Dates and times in the format of ISO 8601, and decimal numbers with all digits, none of them in quotes."""
    record = json.loads((mafft / "record.json").read_text())
    moment = datetime(2027, 1, 9, 16, 30)
    given = {"day": moment.date(), "moment": moment, "exact": Decimal("0.10"), "number": 1e-5, "several": ["a", "b"]}
    record["provenance"]["params"] = given | {"clock": moment.time(), "fast": True, "none": None, "text": "é"}
    (mafft / "record.json").write_text(dumps(record))
    entities, _ = read_crate(client.get("/jobs/sample-mafft/job.zip").data)
    values = {one["name"]: one["value"] for one in entities.values() if one["@type"] == "PropertyValue"}
    assert values == {
        "day": "2027-01-09",
        "moment": "2027-01-09T16:30:00",
        "clock": "16:30:00",
        "exact": "0.10",
        "number": 1e-5,
        "several": '["a", "b"]',
        "fast": True,
        "none": "null",
        "text": "é",
    }


def test_a_hostile_file_name_is_only_text(client: FlaskClient, mafft: Path) -> None:
    """No path in the archive has it."""
    record = json.loads((mafft / "record.json").read_text())
    record["provenance"]["filenames"] = {"sequences": f"../../etc/{HOSTILE}.fa"}
    (mafft / "record.json").write_text(json.dumps(record))
    entities, _ = read_crate(client.get("/jobs/sample-mafft/job.zip").data)
    assert entities["inputs/sequences"]["name"] == f"../../etc/{HOSTILE}.fa"
    assert entities["inputs/sequences"]["encodingFormat"] == "text/x-fasta"
    assert not [path for path in entities if "etc" in path]


def test_the_archive_of_a_tool_that_is_gone(app: Flask, mafft: Path) -> None:
    """It has the name of the tool instead of its title, and all versions."""
    app.extensions["greeter"].tools.pop("mafft")
    entities, _ = read_crate(app.test_client().get("/jobs/sample-mafft/job.zip").data)
    tool = entities["http://localhost/tools/mafft"]
    assert tool["name"] == "mafft"
    assert len(tool["softwareRequirements"]) == 4


def test_a_site_has_its_own_name_in_the_archive(app: Flask) -> None:
    """As on the page: it is the publisher, and its software has its name."""
    own = app.extensions["greeter"]
    app.extensions["greeter"] = replace(own, settings=replace(own.settings, site_name="Protein lab"))
    entities, files = read_crate(app.test_client().get("/jobs/sample-phmmer/job.zip").data)
    assert entities["http://localhost/"]["name"] == "Protein lab"
    assert entities["http://localhost/tools/phmmer#Protein%20lab"]["name"] == "Protein lab"
    assert "greeter" not in json.dumps(entities) + "".join(map(repr, files.values()))
