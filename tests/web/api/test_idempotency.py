"""What the API says about the header Idempotency-Key."""

import dataclasses
import io
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask import Flask

from greeter import create_app
from tests.conftest import Installation

pytestmark = pytest.mark.redis

INPUTS = {"person": "Ada", "total": 1}


def execute(
    app: Flask,
    inputs: dict[str, object],
    address: str = "127.0.0.1",
    *,
    key: str = "a",
    tool: str = "expensive_greet",
    label: str = "",
) -> str:
    """Submit inputs with a key, which is accepted as the first time, and return the id of the job."""
    answer = app.test_client().post(
        f"/api/v1/processes/{tool}/execution",
        json={"inputs": inputs, "label": label},
        headers={"Idempotency-Key": key},
        environ_base={"REMOTE_ADDR": address},
    )
    assert answer.status_code == 201, answer.text
    return str(answer.get_json()["jobID"])


def test_requests_at_the_same_time_make_one_job(with_redis: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """None of them waits for the answer to another one, and each counts as a submission."""
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)  # each minute has a counter of its own
    app = create_app(dataclasses.replace(with_redis.settings, max_active=1, max_waiting=1))
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: execute(app, INPUTS), range(24)))) == 1
    limits = app.test_client().get("/api/v1/limits").get_json()
    assert limits["activeJobs"]["left"] == 0
    assert limits["submissionsPerMinute"]["limit"] - limits["submissionsPerMinute"]["left"] == 24


def test_the_same_key_makes_a_new_job_when_something_differs(with_redis: Installation) -> None:
    """Other inputs, label or address, and a job that was deleted."""
    app = create_app(with_redis.settings)
    first = execute(app, INPUTS)
    others = {
        execute(app, INPUTS | {"total": 2}),
        execute(app, INPUTS, label="Mine"),
        execute(app, INPUTS, "203.0.113.9"),
    }
    assert execute(app, INPUTS) == first
    client = app.test_client()
    client.post(f"/api/v1/jobs/{first}/cancel")
    assert execute(app, INPUTS) == first
    assert client.delete(f"/api/v1/jobs/{first}").status_code == 204
    assert len({first, *others, execute(app, INPUTS)}) == 5


def test_what_changes_on_the_site_makes_no_new_job(with_redis: Installation, tmp_path: Path) -> None:
    """A newer version of a database, which becomes the default; all its versions are paused; and less memory."""
    app = create_app(with_redis.settings)
    fasta = tmp_path / "new.fa"
    fasta.write_text(">a\nMKVLAWTRH\n")
    query = ">q\nMKVLAWTRH\n"
    asked: dict[str, dict[str, object]] = {
        "version": {"database": "pdb/1", "query": query},
        "newest": {"database": "pdb", "query": query},
        "default": {"query": query, "evalue": 1.5},
    }

    def flask(*words: str) -> None:
        assert app.test_cli_runner().invoke(args=words).exit_code == 0

    def jobs(app: Flask) -> list[str]:
        return [execute(app, inputs, key=key, tool="phmmer") for key, inputs in asked.items()]

    flask("add-database", str(fasta), "--id", "pdb", "--version", "1", "--default")
    first = jobs(app)
    flask("add-database", str(fasta), "--id", "pdb", "--version", "2", "--default")
    assert jobs(app) == first
    for name in ("pdb/1", "pdb/2"):
        flask("pause-database", name, "--reason", "It is damaged.")
    assert jobs(app) == first
    assert jobs(create_app(dataclasses.replace(with_redis.settings, job_memory=1000))) == first
    assert len(set(first)) == 3


def test_files_of_a_request_are_compared(with_redis: Installation) -> None:
    """They are sent with another boundary each time."""
    app = create_app(with_redis.settings)

    def send(text: bytes) -> str:
        data = {"query": (io.BytesIO(text), "q.fa")}
        headers = {"Idempotency-Key": "a"}
        answer = app.test_client().post("/api/v1/processes/phmmer/execution", data=data, headers=headers)
        assert answer.status_code == 201, answer.text
        return str(answer.get_json()["jobID"])

    assert send(b">q\nMKV\n") == send(b">q\nMKV\n")
    assert send(b">q\nMKV\n") != send(b">q\nMKVL\n")
