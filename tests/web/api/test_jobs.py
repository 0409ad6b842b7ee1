"""The life of a job over the API, with a real Redis, worker and gunicorn."""

import dataclasses
import json
from typing import Any

import pytest

from greeter import create_app
from tests.conftest import Installation, wait_for
from tests.http import Response, fetch, submit

pytestmark = pytest.mark.slow

JSON = {"Content-Type": "application/json"}
GLOBIN = ">q one\nVHLTPEEKSAVTALWGKVNVDEVGGEALGRLLVVYPWTQRF\n"


def execute(site: Installation, tool: str, inputs: dict[str, Any], label: str = "", **headers: str) -> Response:
    """Send inputs as JSON."""
    body = json.dumps({"inputs": inputs, "label": label})
    return fetch(site, f"/api/v1/processes/{tool}/execution", "POST", body, **JSON, **headers)


def address_of(answer: Response) -> str:
    """Return the path of the job that was accepted."""
    assert answer.status == 201, answer.body
    path = "/api/v1" + str(answer.headers["Location"]).partition("/api/v1")[2]
    assert path == f"/api/v1/jobs/{json.loads(answer.body)['jobID']}"
    return path


def ended(site: Installation, job: str) -> dict[str, Any]:
    """Wait for the end of a job and return its state; until then, each response says when to ask again."""

    def ask() -> dict[str, Any] | None:
        answer = fetch(site, job)
        state = json.loads(answer.body)
        assert ("Retry-After" in answer.headers) == (state["status"] in ("accepted", "running"))
        return state if "finished" in state else None

    found: dict[str, Any] = wait_for(ask)
    return found


def test_a_job_runs_from_json_to_its_files(installation: Installation) -> None:
    """Inputs that are missing have their defaults, and the results have the addresses of the files."""
    accepted = execute(installation, "phmmer", {"query": GLOBIN}, "my <globin>")
    assert int(accepted.headers["Retry-After"]) >= 2
    job = address_of(accepted)
    state = ended(installation, job)
    assert (state["status"], state["phase"], state["processID"]) == ("successful", "finished", "phmmer")
    assert (state["label"], state["progress"], state["partial"]) == ("my <globin>", 100, False)
    results = json.loads(fetch(installation, f"{job}/results").body)
    assert (results["result"]["queries"], results["result"]["hits"]) == (1, 38)
    assert results["databases"]["database"]["name"] == "globins/1"
    files = {file["name"]: file for file in results["files"]}
    assert {"domains.tbl", "targets.tbl"} < set(files)
    download = fetch(installation, f"{job}/files/targets.tbl")
    assert len(download.raw) == files["targets.tbl"]["bytes"]
    assert files["targets.tbl"]["href"].endswith(f"{job}/files/targets.tbl")
    missing = fetch(installation, f"{job}/files/none.tbl")
    assert (missing.status, missing.headers["Content-Type"]) == (404, "application/problem+json")
    page = fetch(installation, job.replace("/api/v1", "")).body
    assert "my &lt;globin&gt;" in page


def test_forms_are_taken_too(installation: Installation) -> None:
    """Files in multipart forms keep their names, and each type arrives at the tool."""
    parts = {'name="person"': "Ada", 'name="total"': "1"}
    body = "".join(f"--cut\r\nContent-Disposition: form-data; {name}\r\n\r\n{text}\r\n" for name, text in parts.items())
    path = "/api/v1/processes/expensive_greet/execution"
    multipart = {"Content-Type": "multipart/form-data; boundary=cut"}
    jobs = [fetch(installation, path, "POST", body + "--cut--\r\n", **multipart)]
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    jobs.append(fetch(installation, path, "POST", "person=Ada&total=1", **form))
    for job in jobs:
        assert ended(installation, address_of(job))["status"] == "successful"
    several = "".join(
        f'--cut\r\nContent-Disposition: form-data; name="several"; filename="{name}"\r\n\r\n{name}\r\n'
        for name in ("b.txt", "a.txt")
    )
    report = "/api/v1/processes/report/execution"
    last = address_of(fetch(installation, report, "POST", several + "--cut--\r\n", **multipart))
    ended(installation, last)
    assert json.loads(fetch(installation, f"{last}/results").body)["result"]["files"] == ["b.txt", "a.txt"]


def test_values_of_json_keep_their_types(installation: Installation) -> None:
    """Lists, booleans, numbers, dates, texts as files, and null for what is empty."""
    inputs = {"organisms": ["9606", "7955"], "fast": True, "exact": 1.5, "number": None, "day": "2027-01-09"}
    files = {"several": ["one", "two"], "table": "x\ty\n"}
    job = address_of(execute(installation, "report", inputs | files))
    ended(installation, job)
    result = json.loads(fetch(installation, f"{job}/results").body)["result"]
    assert (result["organisms"], result["fast"], result["exact"]) == ("['9606', '7955']", "True", "Decimal('1.5')")
    assert (result["number"], result["day"], result["whole"]) == ("None", "datetime.date(2027, 1, 9)", "10")
    assert result["files"] == ["x\ty\n", "one", "two"]


@pytest.mark.parametrize(
    ("tool", "status", "text"),
    [
        ("yield_some", "successful", "Stopped at the time limit"),
        ("blame", "failed", "There is no gene in this sequence. Try another one."),
        ("stumble", "failed", "with the reference {reference}"),
    ],
)
def test_every_end_is_explained(installation: Installation, tool: str, status: str, text: str) -> None:
    """A failed job has no result and says why; one that was stopped is successful, but partial."""
    job = address_of(execute(installation, tool, {}))
    state = ended(installation, job)
    assert (state["status"], state["partial"]) == (status, tool == "yield_some")
    assert text.format(reference=state.get("reference")) in state["message"]
    results = fetch(installation, f"{job}/results")
    assert (results.status, "Retry-After" in results.headers) == (404 if status == "failed" else 200, False)
    if status == "failed":
        assert json.loads(results.body)["detail"] == state["message"]


def test_a_job_is_cancelled_and_deleted(installation: Installation) -> None:
    """A running job has no result yet and cannot be deleted; an ended one can, and then it is gone."""
    job = address_of(execute(installation, "expensive_greet", {"person": "Ada", "total": 1000}))
    wait_for(lambda: json.loads(fetch(installation, job).body)["status"] == "running")
    early = fetch(installation, f"{job}/results")
    assert (early.status, json.loads(early.body)["type"].rpartition("/")[2]) == (404, "result-not-ready")
    assert json.loads(early.body)["detail"].startswith("The job has not ended. Ask again after")
    assert json.loads(fetch(installation, job).body)["message"].startswith("Running")
    assert int(early.headers["Retry-After"]) > 0
    refused = fetch(installation, job, "DELETE")
    assert (refused.status, "Cancel it" in json.loads(refused.body)["detail"]) == (409, True)
    cancelled = fetch(installation, f"{job}/cancel", "POST")
    assert cancelled.status in (200, 202)
    assert ("Retry-After" in cancelled.headers) == (cancelled.status == 202)
    assert ended(installation, job)["status"] == "dismissed"
    assert fetch(installation, f"{job}/cancel", "POST").status == 200
    deleted = fetch(installation, job, "DELETE")
    assert (deleted.status, "Content-Type" in deleted.headers) == (204, False)
    for method, path in [("GET", job), ("GET", f"{job}/results"), ("POST", f"{job}/cancel"), ("DELETE", job)]:
        gone = fetch(installation, path, method)
        assert (gone.status, json.loads(gone.body)["type"].rpartition("/")[2]) == (404, "no-such-job")


def test_an_unchanged_state_has_no_body(installation: Installation) -> None:
    """The tag of the last response gets 304, even as a browser sends it after a compressed response."""
    job = address_of(execute(installation, "blame", {}))
    ended(installation, job)
    tag = str(fetch(installation, job, **{"Accept-Encoding": "gzip"}).headers["ETag"])
    same = fetch(installation, job, **{"If-None-Match": tag})
    assert (same.status, same.body, same.headers["ETag"]) == (304, "", tag)
    assert fetch(installation, job, **{"If-None-Match": 'W/"another"'}).status == 200
    assert "no-store" in str(same.headers["Cache-Control"])


def test_the_same_key_gives_the_same_job(installation: Installation) -> None:
    """But with other inputs, or from another address, it is another job."""
    key = {"Idempotency-Key": "a"}
    inputs = {"person": "Ada", "total": 1}
    first = address_of(execute(installation, "expensive_greet", inputs, **key))
    assert address_of(execute(installation, "expensive_greet", inputs, **key)) == first
    assert address_of(execute(installation, "expensive_greet", inputs | {"total": 2}, **key)) != first
    assert address_of(execute(installation, "expensive_greet", inputs)) != first
    another = (
        create_app(installation.settings)
        .test_client()
        .post(
            "/api/v1/processes/expensive_greet/execution",
            json={"inputs": inputs},
            headers=key,
            environ_base={"REMOTE_ADDR": "203.0.113.9"},
        )
    )
    assert another.json["jobID"] not in first
    for wrong in ("", "a" * 256):
        assert execute(installation, "expensive_greet", inputs, **{"Idempotency-Key": wrong}).status == 400


def test_a_page_in_a_browser_cannot_submit_from_another_site(installation: Installation) -> None:
    """The API has the same protection as the forms."""
    answer = execute(installation, "blame", {}, Origin="https://evil.example")
    assert (answer.status, answer.headers["Content-Type"]) == (403, "application/problem+json")


def test_every_resource_of_an_active_job_has_retry_after(installation: Installation) -> None:
    """Its page and all that scripts can ask for have Retry-After until the job has ended."""
    job = submit(installation, "nap")
    parts = [("GET", f"{job}{end}") for end in ("", ".json", "/job.zip", "/files/x")]
    parts += [("GET", f"/api/v1{job}{end}") for end in ("", "/results", "/files/x", "/job.zip")] + [
        ("DELETE", f"/api/v1{job}")
    ]
    for method, path in parts:
        assert int(fetch(installation, path, method).headers.get("Retry-After", 0)) > 0, path
    tag = str(fetch(installation, f"/api/v1{job}").headers["ETag"])
    unchanged = fetch(installation, f"/api/v1{job}", **{"If-None-Match": tag})
    assert unchanged.status == 200 or int(unchanged.headers["Retry-After"]) > 0  # 304, unless it started just now
    fetch(installation, f"{job}/cancel", "POST")
    wait_for(lambda: "Retry-After" not in fetch(installation, f"{job}.json").headers)
    for _, path in parts[:-1]:
        assert "Retry-After" not in fetch(installation, path).headers, path


def test_limits_state_what_is_left(own_installation: Installation) -> None:
    """Each submission takes from them; at the end, the refusal says what to do and when."""
    own_installation.settings = dataclasses.replace(own_installation.settings, max_active=2, submits_per_minute=50)
    own_installation.start("redis", "web")

    def left() -> tuple[int, ...]:
        limits = json.loads(fetch(own_installation, "/api/v1/limits").body)
        names = ("activeJobs", "waitingJobsOfAll", "submissionsPerMinute", "keptBytes")
        return tuple(limits[name]["left"] for name in names)

    before = left()
    assert before[:3] == (2, own_installation.settings.max_waiting, 50)
    jobs = [address_of(execute(own_installation, "phmmer", {"query": GLOBIN})) for _ in range(2)]
    active, waiting, submissions, kept = left()
    assert (active, waiting, kept < before[3]) == (0, before[1] - 2, True)
    assert submissions in (48, 49, 50)  # more than 48: another minute has started
    refused = execute(own_installation, "phmmer", {"query": GLOBIN})
    problem = json.loads(refused.body)
    assert (refused.status, refused.headers["Retry-After"]) == (429, "60")
    assert problem["detail"].endswith("Submit it again when one of your jobs has ended, or cancel one.")
    assert "saved below" not in problem["detail"]
    assert fetch(own_installation, f"{jobs[0]}/cancel", "POST").status == 200
    assert "Submit it again" in json.loads(fetch(own_installation, f"{jobs[0]}/results").body)["detail"]
    assert execute(own_installation, "phmmer", {"query": GLOBIN}).status == 201


def test_health_names_what_is_missing(own_installation: Installation) -> None:
    """Without a worker, a problem says so."""
    own_installation.start("redis", "web")
    answer = fetch(own_installation, "/api/v1/health")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert "worker" in json.loads(answer.body)["detail"]
