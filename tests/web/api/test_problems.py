"""What the API refuses, and what it says; it needs no Redis and no worker for that."""

import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from greeter import create_app
from greeter.jobs.staging import staged
from greeter.settings import Settings
from greeter.toolkit.database import Database
from tests.conftest import Installation, free_port

GREET = "/api/v1/processes/expensive_greet/execution"
REPORT = "/api/v1/processes/report/execution"


def refusal(answer: Any, status: int) -> dict[str, Any]:
    """Return the problem in a response, which has this status."""
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json"), answer.text
    assert answer.json["status"] == status
    assert answer.json["title"]
    assert answer.json["reference"]
    assert answer.json["detail"].endswith(".")
    return dict(answer.json)


def test_many_unknown_fields_are_not_all_repeated(client: FlaskClient) -> None:
    """The first ones are, and of a long name its start."""
    inputs = {"a" * 5000: 1} | {f"b{number:04}": 1 for number in range(5000)}
    answer = client.post(GREET, json={"inputs": {"person": "Ada"} | inputs})
    problem = refusal(answer, 422)
    assert [error["field"] for error in problem["errors"]] == ["a" * 80, *(f"b{number:04}" for number in range(19))]
    assert problem["detail"].endswith(" Correct these first; there are 4,981 others.")
    assert len(answer.data) < 10_000


@pytest.mark.parametrize(
    ("tool", "inputs", "field", "detail"),
    [
        ("expensive_greet", {"person": "Ada", "total": 20_000}, "total", "Enter a number from 1 to 10,000."),
        ("expensive_greet", {"person": "Ada", "total": 10**4000}, "total", "Enter a number from 1 to 10,000."),
        ("expensive_greet", {"person": "Ada", "total": 1.5}, "total", "Give a whole number, such as 10."),
        ("expensive_greet", {"person": "Ada", "total": "5"}, "total", "Give a whole number, such as 10."),
        ("expensive_greet", {"person": "Ada", "total": True}, "total", "Give a whole number, such as 10."),
        ("expensive_greet", {"person": ["Ada"]}, "person", "Give a string."),
        ("expensive_greet", {"person": " "}, "person", "Fill in this field."),
        ("expensive_greet", {}, "person", "Fill in this field."),
        ("expensive_greet", {"person": "Ada", "steps": 1}, "steps", "There is no field with this name."),
        ("report", {"organisms": "9606"}, "organisms", "Give an array of strings."),
        ("report", {"organisms": [9606]}, "organisms", "Give an array of strings."),
        ("report", {"matrix": "PAM31"}, "matrix", "Choose one of the options."),
        ("report", {"number": 1e308}, "number", "Enter a number from 0 to 1."),
        ("report", {"number": "0.5"}, "number", "Give a number, such as 0.001 or null."),
        ("report", {"day": ""}, "day", "Give a value, or null."),
        ("report", {"day": "soon"}, "day", "Enter a date, such as 2027-01-09."),
        ("report", {"fast": "yes"}, "fast", "Give true or false."),
        ("report", {"reads": "@r"}, "reads", "Give each read four lines: @name, bases, +, qualities."),
    ],
)
def test_wrong_inputs_are_refused_with_the_field(
    client: FlaskClient, tool: str, inputs: dict[str, Any], field: str, detail: str
) -> None:
    """The sentence says what to do: that of the form, or for a wrong type one for scripts."""
    problem = refusal(client.post(f"/api/v1/processes/{tool}/execution", json={"inputs": inputs}), 422)
    (error,) = problem["errors"]
    assert error["field"] == field
    assert detail in error["detail"]
    assert problem["detail"] == f"{field}: {error['detail']}"


@pytest.mark.parametrize(
    "body",
    [
        *(
            b"",
            b"{",
            b"[]",
            b"null",
            b'"inputs"',
            b"{}",
            b'{"inputs": []}',
            b'{"inputs": {}, "more": 1}',
            b"\xff\xfe\x00",
        ),
        *(b"[" * 5_000, b'{"inputs": ' + b'{"a":' * 5_000, b"1" * 5_000, b'{"inputs": {"person": "\\ud800"}}'),
        b'{"inputs": {"person": [' + b"[]," * 20_000 + b"[]]}}",
        b'{"inputs": {"person": "Ada", "person": "Bob"}}',
        # With bytes of quotation marks in other characters, so that the values seem to be inside of a text.
        ('{"inputs": {"person": ["\u2230", ' + "[]," * 20_000 + '"\u2230"]}}').encode("utf-16"),
    ],
    ids=lambda body: repr(body[:25]),
)
def test_a_body_that_cannot_be_read_is_refused(client: FlaskClient, body: bytes) -> None:
    """It is not JSON in UTF-8, not an object, has a name twice, or more values than any form."""
    refusal(client.post(GREET, data=body, content_type="application/json"), 400)


NOT_UTF_8 = {
    "json": ("application/json", b'{"inputs": {"person": "Zo\xeb"}}', "It is not UTF-8 from byte 26 on. Encode it as "),
    "escaped": ("application/x-www-form-urlencoded", b"person=Zo%eb", "It has text that is not UTF-8. Encode it as "),
    "form": ("application/x-www-form-urlencoded", b"person=Zo\xeb", "It has text that is not UTF-8. Encode it as "),
    "parts": (
        "multipart/form-data; boundary=a",
        b'--a\r\nContent-Disposition: form-data; name="person"\r\n\r\nZo\xeb\r\n--a--\r\n',
        "It has text that is not UTF-8. Encode it as UTF-8, ",
    ),
}


@pytest.mark.parametrize(("kind", "body", "detail"), NOT_UTF_8.values(), ids=NOT_UTF_8)
def test_text_of_another_encoding_is_refused(client: FlaskClient, kind: str, body: bytes, detail: str) -> None:
    """Otherwise, the job would run with another text, and nobody would see it."""
    assert refusal(client.post(GREET, data=body, content_type=kind), 400)["detail"].startswith(detail)


def test_an_integer_of_any_length_is_refused_as_a_value(client: FlaskClient) -> None:
    """It is JSON, although Python reads at most 4,300 digits."""
    body = b'{"inputs": {"person": "Ada", "total": -' + b"1" * 5_000 + b"}}"
    problem = refusal(client.post(GREET, data=body, content_type="application/json"), 422)
    assert problem["errors"] == [{"field": "total", "detail": "Give a whole number, such as 10."}]


def test_each_of_several_texts_is_a_file(client: FlaskClient) -> None:
    """A text has no name, so a problem has its number. An empty one is not left out."""
    variants = ["##fileformat=VCF", "1", ""]
    problem = refusal(client.post("/api/v1/processes/merge/execution", json={"inputs": {"variants": variants}}), 422)
    wrong = "File 2: Line 1 has fewer than 8 columns. Choose a VCF file. File 3: The file is empty. Choose another one."
    assert problem["errors"][0] == {"field": "variants", "detail": wrong}


def test_a_file_that_was_not_chosen_is_missing(client: FlaskClient) -> None:
    """Browsers send an empty part for it."""
    data = {"query": (io.BytesIO(), ""), "targets": (io.BytesIO(), "")}
    problem = refusal(client.post("/api/v1/processes/phmmer/execution", data=data), 422)
    assert problem["errors"] == [{"field": "query", "detail": "Paste or upload at least one protein."}]


def test_a_name_that_json_has_twice_is_named(client: FlaskClient) -> None:
    """Of a long name, its start is."""
    for name in ("person", "a" * 100):
        body = f'{{"inputs": {{"person": "Ada", "{name}": "Ada", "{name}": "Bob"}}}}'
        problem = refusal(client.post(GREET, data=body, content_type="application/json"), 400)
        assert f"The name '{name[:80]}' is used twice" in problem["detail"]


@pytest.mark.parametrize("path", ["/api/v1//processes", "/api/v1/processes/", "/api//nowhere"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PUT"])
def test_an_address_that_is_almost_right_is_a_problem_too(client: FlaskClient, path: str, method: str) -> None:
    """It is no redirect, whose body would be HTML, and which not every script follows."""
    refusal(client.open(path, method=method), 404)


@pytest.mark.parametrize("job", ["zz", "sample-none", "A" * 32, "a" * 32 + "%0A", "%00"])
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("GET", "/results"), ("GET", "/job.zip"), ("GET", "/files/a")],
)
def test_what_cannot_be_the_id_of_a_job_is_no_such_job(client: FlaskClient, job: str, method: str, path: str) -> None:
    """As an unknown id is, and without Redis."""
    problem = refusal(client.open(f"/api/v1/jobs/{job}{path}", method=method), 404)
    assert problem["type"].endswith("/no-such-job")


def test_a_long_text_is_no_long_list(client: FlaskClient) -> None:
    """What is inside of texts does not count as values, even after an escaped quotation mark."""
    body = json.dumps({"inputs": {"person": 'Ada "' + "[{," * 20_000}})
    problem = refusal(client.post(GREET, data=body, content_type="application/json"), 422)
    assert problem["errors"] == [{"field": "person", "detail": "Shorten this to 80 characters."}]


@pytest.mark.parametrize("end", [b"", b"\\"], ids=["text", "backslash"])
def test_a_long_text_without_an_end_is_read_once(client: FlaskClient, end: bytes) -> None:
    """Each quotation mark in it could be the start of a text: from all of them, it would take an hour."""
    refusal(client.post(GREET, data=b'"' + b'\\"' * 1_000_000 + end, content_type="application/json"), 400)


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"person": "Ada", "steps": "1"}, "steps"),
        ({"person": "Ada", "token": "a"}, "token"),
        ({"person": (io.BytesIO(b"Ada"), "ada.txt")}, "person"),
        ({"person": "Ada", "total": "many"}, "total"),
        ({"person": "Ada", "label": "a" * 81}, "label"),
        ({"person": "Ada", "label": (io.BytesIO(b"Mine"), "label.txt")}, "label"),
    ],
)
def test_wrong_forms_are_refused_with_the_field(client: FlaskClient, data: dict[str, Any], field: str) -> None:
    """A form has the same fields as JSON, and no others."""
    assert refusal(client.post(GREET, data=data), 422)["errors"][0]["field"] == field


READS = "@r\nA\n+\nI\n"


@pytest.mark.parametrize("kind", ["multipart/form-data", "application/x-www-form-urlencoded"])
@pytest.mark.parametrize(
    "values", [{"line": ["A", "B"]}, {"line": ["", "B"]}, {"label": ["A", "B"]}, {"whole": [1, 1]}]
)
def test_a_parameter_of_a_form_is_given_once(client: FlaskClient, kind: str, values: dict[str, list[Any]]) -> None:
    """Otherwise, all but one value would be ignored. JSON with a name twice cannot be read either."""
    problem = refusal(client.post(REPORT, data=values, content_type=kind), 422)
    assert problem["errors"] == [{"field": next(iter(values)), "detail": "Give one value, not 2."}]


@pytest.mark.parametrize("texts", [[], [""], [READS]])
@pytest.mark.parametrize("files", [1, 2])
def test_a_field_for_one_file_takes_one(client: FlaskClient, texts: list[str], files: int) -> None:
    """Either a file, with which a browser may send an empty text, or a text."""
    values = [*texts, *((io.BytesIO(READS.encode()), "reads.fq") for _ in range(files))]
    answer = client.post(REPORT, data={"reads": values})
    if (given := files + texts.count(READS)) == 1:
        refusal(answer, 503)  # there is no Redis
    else:
        error = {"field": "reads", "detail": f"Give one value, not {given}."}
        assert refusal(answer, 422)["errors"] == [error]


def test_inputs_in_the_address_are_refused(client: FlaskClient) -> None:
    """They would be ignored, whatever the kind of body."""
    for body in ({"json": {"inputs": {"person": "Ada"}}}, {"data": {"person": "Ada"}}):
        problem = refusal(client.post(f"{GREET}?total=5&person=Bob", **body), 422)
        assert [error["field"] for error in problem["errors"]] == ["total", "person"]
        assert problem["errors"][0]["detail"] == "Send this in the body, not in the address."


def test_a_box_of_a_form_is_true_or_false(client: FlaskClient) -> None:
    """Another text would count as true."""
    assert refusal(client.post(REPORT, data={"fast": "0"}), 422)["errors"][0]["field"] == "fast"


def test_other_mistakes_are_explained(client: FlaskClient) -> None:
    """Wrong addresses, methods and kinds of bodies, and what is too large."""
    assert "expensive_greet" in refusal(client.get("/api/v1/processes/none"), 404)["detail"]
    assert "at /api." in refusal(client.get("/api/nowhere"), 404)["detail"]
    table = "/api/v1/jobs/sample-phmmer/files/targets.tbl"
    assert "Range" in refusal(client.get(table, headers={"Range": "bytes=999999999-"}), 416)["detail"]
    for ignored in ("lines=1-2", "bytes=0-1,3-4"):
        with client.get(table, headers={"Range": ignored}) as answer:
            assert (answer.status_code, len(answer.data)) == (200, 2913)
    refusal(client.get("/api/v1/jobs/1"), 404)
    wrong_method = client.delete("/api/v1/processes")
    assert "Allow" in wrong_method.headers
    refusal(wrong_method, 405)
    assert "application/json" in refusal(client.post(GREET, data="x", content_type="text/plain"), 415)["detail"]
    large = client.post(GREET, data=b" " * 12_000_000, content_type="application/json")
    assert "/api/v1/limits" in refusal(large, 413)["detail"]
    assert "cannot be deleted" in refusal(client.delete("/api/v1/jobs/sample-phmmer"), 409)["title"]


@pytest.mark.parametrize("path", ["", "/files/targets.tbl"])
def test_a_condition_that_is_not_met_is_a_problem(client: FlaskClient, path: str) -> None:
    """Werkzeug sends the content with this status."""
    for method in (client.get, client.head):
        answer = method(f"/api/v1/jobs/sample-phmmer{path}", headers={"If-Match": '"another"'})
        assert (answer.status_code, answer.content_type) == (412, "application/problem+json")
    answer = client.get(f"/api/v1/jobs/sample-phmmer{path}", headers={"If-Match": '"another"'})
    assert "without the header If-Match" in refusal(answer, 412)["detail"]


@pytest.mark.parametrize(
    "path", ["/api/v1/jobs/sample-phmmer", "/jobs/sample-phmmer/files/targets.tbl", "/static/style.css"]
)
def test_a_condition_that_any_content_meets_is_met(client: FlaskClient, path: str) -> None:
    """`If-Match: *` asks only whether there is something (RFC 9110, 13.1.1)."""
    with client.get(path) as plain, client.get(path, headers={"If-Match": "*"}) as answer:
        assert (answer.status_code, answer.data) == (200, plain.data)
    both = {"If-Match": "*", "If-None-Match": plain.headers["ETag"]}
    with client.get(path, headers=both) as answer:
        assert answer.status_code == 304
    assert client.get("/api/v1/jobs/sample-nothing", headers={"If-Match": "*"}).status_code == 404


def test_what_needs_redis_says_when_to_try_again(client: FlaskClient) -> None:
    """Every 503 has Retry-After."""
    job = f"/api/v1/jobs/{'0' * 32}"
    answers = [client.get(path) for path in (job, f"{job}/results", "/api/v1/limits", "/api/v1/health")]
    answers += [
        client.post(f"{job}/cancel"),
        client.delete(job),
        client.post(GREET, json={"inputs": {"person": "Ada"}}),
    ]
    for answer in answers:
        refusal(answer, 503)
        assert int(answer.headers["Retry-After"]) > 0
    assert answers[-1].json["detail"].endswith("Wait a few seconds, then submit it again.")


@pytest.mark.parametrize(("requests", "statuses"), [(0, {429}), (1_000_000, {503})])
def test_every_unavailable_page_has_retry_after(tmp_path: Path, requests: int, statuses: set[int]) -> None:
    """Whether the visitor has asked too often, or Redis does not answer."""
    settings = Settings(
        data_dir=tmp_path,
        redis_url=f"redis://127.0.0.1:{free_port()}/0",
        smtp_url="smtp://127.0.0.1:1",
        requests_per_minute=requests,
        submits_per_minute=10**6,
    )
    app = create_app(settings)
    seen = set()
    for rule in app.url_map.iter_rules():
        path = rule.rule.replace("<job_id:job_id>", "0" * 32).replace("<name>", "expensive_greet")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            answer = app.test_client().open(path, method=method, json={"inputs": {"person": "Ada"}})
            if answer.status_code in (202, 429, 503):
                assert int(answer.headers.get("Retry-After", 0)) > 0, (method, path)
                seen.add(answer.status_code)
    assert seen == statuses


def test_too_many_requests_are_refused(tmp_path: Path) -> None:
    """The problem says how long to wait."""
    url = f"redis://127.0.0.1:{free_port()}/0"
    visitor = create_app(Settings(data_dir=tmp_path, redis_url=url, requests_per_minute=1)).test_client()
    visitor.get("/api/v1/processes")
    answer = visitor.get("/api/v1/processes")
    assert refusal(answer, 429)["type"] == "/api#requestsPerMinute"
    assert answer.headers["Retry-After"] == "60"


@pytest.mark.redis
@pytest.mark.parametrize(
    ("limit", "setting", "status"),
    [
        ("activeJobs", "max_active", 429),
        ("keptBytes", "max_client_bytes", 429),
        ("submissionsPerMinute", "submits_per_minute", 429),
        ("waitingJobsOfAll", "max_waiting", 503),
        ("keptBytesOfAll", "max_total_bytes", 503),
    ],
)
def test_a_program_can_tell_which_limit_is_reached(
    with_redis: Installation, limit: str, setting: str, status: int
) -> None:
    """The type of the problem leads to the limit on the page of the API."""
    settings: Any = {setting: 0}
    visitor = create_app(dataclasses.replace(with_redis.settings, **settings)).test_client()
    problem = refusal(visitor.post(GREET, json={"inputs": {"person": "Ada"}}), status)
    assert problem["type"] == f"/api#{limit}"
    assert visitor.get("/api/v1/limits").json[limit]["left"] == 0
    assert f'id="{limit}"' in visitor.get("/api").text


@pytest.mark.redis
def test_a_form_may_have_as_many_parts_as_the_limits_say(with_redis: Installation) -> None:
    """One more is too large."""
    visitor = create_app(with_redis.settings).test_client()
    parts = visitor.get("/api/v1/limits").json["partsOfForm"]["limit"]
    for files, status in ((parts, 201), (parts + 1, 413)):
        data = {"several": [(io.BytesIO(b"a"), "a.txt") for _ in range(files)]}
        assert visitor.post(REPORT, data=data).status_code == status


@pytest.mark.parametrize(
    ("origins", "origin", "allowed"),
    [
        ((), "https://a.example", None),
        (("https://a.example",), "https://a.example", "https://a.example"),
        (("https://a.example",), "https://b.example", None),
        (("*",), "https://b.example", "*"),
    ],
)
def test_other_sites_may_read_if_the_operator_says_so(
    tmp_path: Path, origins: tuple[str, ...], origin: str, allowed: str | None
) -> None:
    """Only the API, and they cannot submit."""
    client = create_app(Settings(data_dir=tmp_path, cors_origins=origins)).test_client()
    headers = {"Origin": origin}
    read = client.get("/api/v1/processes", headers=headers)
    assert read.headers.get("Access-Control-Allow-Origin") == allowed
    assert ("Origin" in read.headers.get("Vary", "")) == bool(origins)
    asked = client.options("/api/v1/processes", headers=headers)
    assert asked.headers.get("Access-Control-Allow-Methods") == ("GET" if allowed else None)
    assert "Access-Control-Allow-Origin" not in client.get("/", headers=headers).headers
    posted = client.post(GREET, json={"inputs": {"person": "Ada"}}, headers=headers)
    assert posted.status_code == 403
    assert "Access-Control-Allow-Origin" not in posted.headers


def test_samples_are_jobs(client: FlaskClient) -> None:
    """The sample of a tool shows what a script gets, without running anything."""
    state = client.get("/api/v1/jobs/sample-phmmer").json
    assert (state["status"], state["processID"]) == ("successful", "phmmer")
    results = client.get("/api/v1/jobs/sample-phmmer/results").json
    assert results["result"]["hits"] > 10
    with client.get(results["files"][0]["href"]) as file:
        assert len(file.data) == results["files"][0]["bytes"]


def test_the_results_are_described_by_the_sample(client: FlaskClient) -> None:
    """The author of a tool adds nothing for it; a docstring that says what the function returns is shown."""
    outputs = client.get("/api/v1/processes/phmmer").json["outputs"]
    results = client.get("/api/v1/jobs/sample-phmmer/results").json
    assert outputs["result"]["schema"]["examples"] == [results["result"]]
    assert outputs["files"]["schema"]["examples"] == [results["files"]]
    assert outputs["result"]["description"].startswith("`queries`, `targets`, `query_residues` and")
    assert outputs["result"]["description"].endswith("with the queries that are complete by then.")
    greet = client.get("/api/v1/processes/expensive_greet").json["outputs"]["result"]
    assert (greet["description"], list(greet["schema"]["examples"][0])) == ("", ["greeting"])
    (mafft,) = client.get("/api/v1/processes/mafft").json["outputs"]["result"]["schema"]["examples"]
    assert (mafft["sequences"], len(mafft["alignment"])) == (45, 203)
    assert "examples" not in client.get("/api/v1/processes/blame").json["outputs"]["result"]["schema"]
    page = client.get("/api").text
    assert "<code>without_hits</code>: the number of queries without any." in page
    assert "A header, then one line per query." in page


def test_the_document_and_the_links_lead_to_the_archive(client: FlaskClient) -> None:
    """A client that was generated from the document finds it, and so does one that follows the links."""
    answers = client.get("/api/openapi.json").json["paths"]["/api/v1/jobs/{jobID}/job.zip"]["get"]["responses"]
    assert list(answers["200"]["content"]) == ["application/zip"]
    links = {link["rel"]: link["href"] for link in client.get("/api/v1/jobs/sample-phmmer").json["links"]}
    assert links["archives"].endswith("/api/v1/jobs/sample-phmmer/job.zip")
    with client.get(links["archives"]) as archive, client.get("/jobs/sample-phmmer/job.zip") as of_page:
        assert (archive.content_type, archive.data) == ("application/zip", of_page.data)
    refusal(client.get("/api/v1/jobs/sample-none/job.zip"), 404)


def test_examples_can_be_sent_as_they_are(client: FlaskClient) -> None:
    """They pass the check of their form, so that only Redis is missing."""
    for tool in ("expensive_greet", "phmmer", "report"):
        example = client.get(f"/api/v1/processes/{tool}/example").json
        refusal(client.post(f"/api/v1/processes/{tool}/execution", json=example), 503)


def test_the_service_describes_itself(client: FlaskClient) -> None:
    """As GA4GH Service Info 1.0.0 requires: id, name, type, organization and version."""
    info: dict[str, Any] = client.get("/api/ga4gh/service-info").get_json()
    assert {"id", "name", "type", "organization", "version"} <= set(info)
    assert set(info["type"]) == {"group", "artifact", "version"}
    assert set(info["organization"]) == {"name", "url"}


def test_the_databases_are_those_of_the_forms(client: FlaskClient) -> None:
    """Their names are the values that an execution takes."""
    databases = client.get("/api/v1/databases").get_json()["databases"]
    assert databases
    paths = client.get("/api/openapi.json").get_json()["paths"]
    content = paths["/api/v1/processes/phmmer/execution"]["post"]["requestBody"]["content"]
    inputs = content["application/json"]["schema"]["properties"]["inputs"]["properties"]
    accepted = {value for field in inputs.values() for value in field.get("enum", [])}
    assert {database["name"] for database in databases if database["kind"] == "protein"} <= accepted


def test_a_database_can_be_named_without_its_version(client: FlaskClient) -> None:
    """The document and the page say so, and such a value is accepted as they say."""
    described = client.get("/api/v1/processes/phmmer")
    field = described.json["inputs"]["database"]
    assert field["schema"]["enum"] == ["", "globins/1", "globins"]
    assert "; globins: the newest version that is not paused" in field["description"]
    assert described.text.count("the newest version that is not paused") == 1
    assert "one of &#34;&#34;, globins/1, globins, default" in client.get("/api").text
    for value in (*field["schema"]["enum"], "globin"):
        inputs = {"query": ">q\nMKV\n", "targets": "", "database": value}
        answer = client.post("/api/v1/processes/phmmer/execution", json={"inputs": inputs})
        assert answer.status_code == (422 if value == "globin" else 503), value  # there is no Redis


def test_a_paused_database_says_why(app: Flask, client: FlaskClient) -> None:
    """What is known of each version is there, but not where its files are."""
    databases = app.extensions["greeter"].databases
    with staged(databases.root) as folder:
        (folder / "words.txt").write_text("one")
        known = {"id": "words", "version": "7", "title": "Words", "kind": "words", "file": "words.txt"}
        words = databases.publish(
            folder, Database.from_description(known | {"files": {"words.txt": "sum"}}, databases.root)
        )
    databases.pause(words, "It is damaged.")
    listed = {one["name"]: one for one in client.get("/api/v1/databases").json["databases"]}
    assert set(listed) == {"globins/1", "words/7"}
    assert (listed["globins/1"]["sequences"], listed["globins/1"]["paused"]) == (45, "")
    assert (listed["words/7"]["sequences"], listed["words/7"]["paused"]) == (None, "It is damaged.")
    assert "folder" not in listed["words/7"]
    field = client.get("/api/v1/processes/phmmer").json["inputs"]["database"]
    assert "globins/1" in field["schema"]["enum"]
    assert '"": None: compare the queries with each other' in field["description"]
    assert "one of &#34;&#34;, globins/1" in client.get("/api").text


def test_the_page_describes_every_operation(client: FlaskClient) -> None:
    """The page says what the document says, and every link in it leads somewhere."""
    page = client.get("/api").text
    for path in client.get("/api/openapi.json").json["paths"]:
        assert path in page, path
    assert "Optional, integer, at least 1, at most 10,000, default <code>20</code>" in page
    assert 'href="/api/openapi.json"' in page
    assert client.get("/help").text.count('href="/api"') == 1


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    """With the status of a body that is too large, and the sentence of the form."""
    client = create_app(Settings(data_dir=tmp_path, max_upload_bytes=1000)).test_client()
    start = '--cut\r\nContent-Disposition: form-data; name="query"; filename="large.fa"\r\n\r\n'
    body = start.encode() + b"x" * 200_000 + b"\r\n--cut--\r\n"
    path = "/api/v1/processes/phmmer/execution"
    answer = client.post(path, data=body, content_type="multipart/form-data; boundary=cut")
    assert refusal(answer, 413)["errors"][0]["field"] == "query"
