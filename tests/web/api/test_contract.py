"""The running API keeps what its OpenAPI document promises."""

import os
import re
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import ROOT, Installation

TOOLS = ["expensive_greet", "phmmer", "report"]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.unmeasured
def test_the_api_answers_as_its_document_says(tmp_path: Path) -> None:
    """All checks of schemathesis pass, for what the document allows and for what it does not."""
    with closing(Installation(tmp_path, soft_time_limit=1, worker_concurrency=1, max_waiting=10_000)) as site:
        site.start("redis", "worker", "web")
        url = f"http://127.0.0.1:{site.settings.web_port}/api/openapi.json"
        others = rf"/processes/(?!\{{|({'|'.join(TOOLS)})/)"  # tools that misbehave
        st = [
            str(Path(sys.executable).with_name("st")),
            "--config-file",
            str(Path(__file__).with_name("schemathesis.toml")),
        ]
        run = [*st, "run", url, "--exclude-path-regex", others, "--no-color", "--warnings", "off"]
        environ = os.environ | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(run, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert int(re.search(r"([\d,]+) generated, \1 passed", done.stdout)[1].replace(",", "")) > 500
        assert "Stateful" in done.stdout
        site.stop("worker", "web")
        assert "Reference" not in site.log.read_text()


def test_every_route_is_in_the_document(app: Flask, client: FlaskClient) -> None:
    """Every route of the API is there with its methods, and nothing else."""
    paths = client.get("/api/openapi.json").json["paths"]
    names = {"<job_id>": "{jobID}", "/processes/<name>": "/processes/{processID}", "<name>": "{fileName}"}
    routes = set()
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("api.") and rule.rule not in ("/api", "/api/openapi.json"):
            path = rule.rule
            for variable, name in names.items():
                path = path.replace(variable, name)
            routes |= {(path, method) for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}}
    tools = app.extensions["greeter"].tools
    executed = "/api/v1/processes/{processID}/execution"
    routes = {(path, method) for path, method in routes if path != executed} | {
        (executed.replace("{processID}", name), "POST") for name in tools
    }
    assert routes == {(path, method.upper()) for path, methods in paths.items() for method in methods}


def test_the_document_has_the_fields_of_each_form(client: FlaskClient) -> None:
    """Types, limits, defaults, choices and what is required come from the form."""
    paths = client.get("/api/openapi.json").json["paths"]

    def inputs_of(tool: str) -> dict:
        content = paths[f"/api/v1/processes/{tool}/execution"]["post"]["requestBody"]["content"]
        assert set(content) == {"application/json", "multipart/form-data", "application/x-www-form-urlencoded"}
        return content["application/json"]["schema"]["properties"]["inputs"]

    execution = paths["/api/v1/processes/expensive_greet/execution"]["post"]["responses"]["201"]["headers"]
    assert {name: header["required"] for name, header in execution.items()} == {"Location": True, "Retry-After": False}
    job = "/api/v1/jobs/{jobID}"
    for path, method, status in [
        (f"{job}/results", "get", "404"),
        (f"{job}/job.zip", "get", "404"),
        (f"{job}/files/{{fileName}}", "get", "404"),
        (job, "delete", "409"),
    ]:
        answer = paths[path][method]["responses"][status]
        assert answer["headers"]["Retry-After"]["required"] is False
        assert answer["description"].endswith(" (with Retry-After while the job has not ended).")
        assert list(answer["content"]) == ["application/problem+json"]
    greet = inputs_of("expensive_greet")
    assert greet["required"] == ["person"]
    assert greet["properties"]["total"] == {
        "type": "integer",
        "title": "Number of steps (half a second each)",
        "minimum": 1,
        "maximum": 10_000,
        "default": 20,
    }
    assert greet["properties"]["person"]["maxLength"] == 80
    fields = inputs_of("report")["properties"]
    assert fields["matrix"]["enum"] == ["BLOSUM62", "PAM30"]
    assert fields["matrix"]["default"] == "PAM30"
    assert fields["organisms"]["items"]["enum"] == ["9606", "10090", "7955"]
    assert "9606: Human" in fields["organisms"]["description"]
    assert (fields["fast"]["type"], fields["number"]["type"]) == ("boolean", ["number", "null"])
    assert (fields["day"]["format"], fields["clock"]["format"]) == ("date", "local-time")
    assert fields["several"]["items"] == {"type": "string", "minLength": 1}
    assert "At most 50,000 sequences" in inputs_of("phmmer")["properties"]["query"]["description"]
