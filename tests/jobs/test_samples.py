"""The sample results."""

import json
import time
from datetime import date
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import pytest

from greeter import tools
from greeter.jobs.errors import JobNotFound
from greeter.jobs.records.samples import Samples
from greeter.jobs.submission import Submission
from greeter.toolkit import Job
from greeter.toolkit.outputs import read_sentences
from tests.conftest import Installation

SAMPLES = Samples(tools.SAMPLES)


def test_every_tool_has_a_sample() -> None:
    """Each tool of the site has one."""
    assert all(SAMPLES.id_for_tool(name) for name in ("phmmer", "expensive_greet"))
    assert SAMPLES.id_for_tool("none") is None


@pytest.mark.parametrize("name", ["phmmer", "expensive_greet"])
def test_a_sample_is_the_result_of_the_example(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Running a tool on its example gives the result and the files of its sample."""
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    tool, sample = tools.load()[name], SAMPLES.id_for_tool(name) or ""
    params = SAMPLES.params(sample)
    assert {key: _content(value) for key, value in params.items()} == {
        key: _content(value) for key, value in tool.example.items()
    }
    assert SAMPLES.find(sample).phase == "finished"
    assert tool(Job(tmp_path), **params) == SAMPLES.find(sample).result
    for path in SAMPLES.files.outputs(sample, 1):
        assert path.read_bytes() == (tmp_path / "outputs" / path.name).read_bytes()
    assert read_sentences(tmp_path) == read_sentences(SAMPLES.files.attempt(sample, 1))


def _content(value: object) -> object:
    return value.read_text() if isinstance(value, Path) else value


def test_a_sample_has_provenance() -> None:
    """It has the parameters and the checksums of its input files."""
    provenance = SAMPLES.provenance("sample-phmmer")
    assert provenance.params == {"database": None, "evalue": 10.0}
    for name, path in SAMPLES.files.inputs("sample-phmmer").items():
        assert provenance.checksums[name] == sha256(path.read_bytes()).hexdigest()


def test_a_sample_never_expires(tmp_path: Path) -> None:
    """It has no removal date, and an unknown sample is not found."""
    assert SAMPLES.find("sample-phmmer").kept_until is None
    with pytest.raises(JobNotFound):
        SAMPLES.find("sample-none")


def test_a_sample_has_no_trace_of_its_author() -> None:
    """Its record has no label, no client and no names of files."""
    for path in tools.SAMPLES.glob("*/record.json"):
        kept = json.loads(path.read_text())
        assert kept["snapshot"]["label"] == ""
        assert set(kept["provenance"]) - {"filenames", "databases"} == {"params", "checksums", "versions"}
        assert not kept["provenance"].get("filenames")


@pytest.mark.redis
def test_a_sample_keeps_values_of_every_type(with_redis: Installation, tmp_path: Path) -> None:
    """Dates and exact numbers stay what they are, but the names of files are not kept."""
    store, samples = with_redis.store, Samples(tmp_path / "samples")
    (tmp_path / "file").write_text("a")
    given = {"day": date(2027, 1, 9), "exact": Decimal("0.10"), "some": ["a", "b"]}
    files = {"table": tmp_path / "file", "several": [tmp_path / "file"] * 2}
    submission = Submission("my label", filenames={"table": "my.tsv", "several": ["a.txt", "b.txt"]})
    store.create("a" * 32, "report", given | files, submission)
    sample = samples.keep(store, "a" * 32)
    params = samples.params(sample)
    assert {name: params[name] for name in given} == given
    assert [params["table"].read_text(), *(path.read_text() for path in params["several"])] == ["a"] * 3
    assert "my" not in (samples.files.folder(sample) / "record.json").read_text()
    assert [name for name, filename, _ in samples.provenance(sample).files] == ["table", "several", "several"]


@pytest.mark.redis
def test_a_sample_has_no_files_of_the_machine(with_redis: Installation, tmp_path: Path) -> None:
    """A link that a tool has left is no file of the sample either."""
    store, samples = with_redis.store, Samples(tmp_path / "samples")
    (tmp_path / "file").write_text("a")
    store.create("c" * 32, "report", {"table": tmp_path / "file"}, Submission())
    place = store.files.folder("c" * 32, "inputs", "table")
    place.unlink()
    place.symlink_to("/etc/passwd")
    assert samples.files.inputs(samples.keep(store, "c" * 32)) == {}
