"""Tests of the security headers of every response, and of the refusal of requests from other sites."""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from greeter import create_app
from greeter.settings import Settings
from tests.conftest import free_port

JOB = "/jobs/" + "0" * 32
HERE = "http://localhost"


def observatory(response: TestResponse) -> tuple[int, str]:
    """Score a response by the rules of the MDN HTTP Observatory (2025).

    Source: https://developer.mozilla.org/en-US/observatory/docs/tests_and_scoring. Rules that depend on the deployment,
    such as the redirect from http, and rules that do not apply, such as those for cookies, count 0. Bonuses are added
    from 90 points.
    """
    headers = response.headers
    policy = {name: sources for name, *sources in map(str.split, headers["Content-Security-Policy"].split(";"))}
    sources = " ".join(source for directive in policy.values() for source in directive)
    age = re.search(r"max-age=(\d+)", headers.get("Strict-Transport-Security", ""))
    private = ("no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin")
    scripts = re.findall(r"<script(?! type=\"application/ld\+json\">)(?![^>]*src=\"/[^/])", response.text)  # no data
    penalties = (
        -20 * bool(re.search(r"unsafe|data:|https?:|\*", sources))
        - 25 * ("default-src" not in policy)
        - 20 * (age is None or int(age[1]) < 15_768_000)
        - 20 * ("frame-ancestors" not in policy)
        - 50 * len(scripts)
        - 5 * (headers.get("X-Content-Type-Options") != "nosniff")
        - 20 * ("Set-Cookie" in headers)
        - 50 * ("Access-Control-Allow-Origin" in headers)
    )
    bonuses = (
        10 * (policy.get("default-src") == ["'none'"] and policy.get("form-action") in (["'self'"], ["'none'"]))
        + 5 * (policy.get("frame-ancestors") == ["'none'"])
        + 5 * (headers.get("Referrer-Policy") in private)
        + 10 * (headers.get("Cross-Origin-Resource-Policy") == "same-origin")
    )
    score = 100 + penalties + (bonuses if 100 + penalties >= 90 else 0)
    return score, "A+" if score >= 100 else "below"


@pytest.fixture
def every_answer(tmp_path: Path) -> Iterator[list[TestResponse]]:
    """One response of every kind, over https."""
    app = create_app(
        Settings(
            data_dir=tmp_path,
            max_upload_bytes=1,
            trusted_hosts=("localhost",),
            redis_url=f"redis://127.0.0.1:{free_port()}/0",
        )
    )

    @app.get("/bug")
    def bug() -> str:
        raise ZeroDivisionError

    visitor, https = app.test_client(), "https://localhost"
    asked: list[tuple[str, str, dict[str, Any], int]] = [
        ("GET", "/", {}, 200),
        ("HEAD", "/", {}, 200),
        ("OPTIONS", "/", {}, 200),
        ("GET", "/tools/phmmer", {}, 200),
        ("GET", "/static/style.css", {}, 200),
        ("GET", "/static/none.css", {}, 404),
        ("GET", "/nowhere", {}, 404),
        ("GET", "/jobs/none", {}, 404),
        ("GET", JOB, {}, 503),
        ("GET", JOB + "/progress", {}, 503),
        ("DELETE", "/", {}, 405),
        ("POST", "/tools/phmmer", {"data": b"x" * 100_000}, 413),
        ("POST", "/tools/phmmer", {"data": {}}, 422),
        ("POST", "/tools/phmmer", {"headers": {"Origin": "https://elsewhere"}}, 403),
        ("POST", "/tools/phmmer", {"headers": {"Content-Encoding": "gzip"}}, 415),
        ("GET", "/", {"headers": {"Host": "elsewhere"}}, 400),
        ("GET", "/bug", {}, 500),
    ]
    answers = [visitor.open(path, method=method, base_url=https, **how) for method, path, how, _ in asked]
    assert [answer.status_code for answer in answers] == [status for *_, status in asked]
    yield answers
    for answer in answers:
        answer.close()


def test_every_response_scores_a_plus(every_answer: list[TestResponse]) -> None:
    """Pages, files, refusals and errors all score 130 points, the maximum that headers can earn."""
    assert {observatory(answer) for answer in every_answer} == {(130, "A+")}


def test_every_response_has_the_security_headers_outside_the_score(every_answer: list[TestResponse]) -> None:
    """Each header occurs exactly once, in successful and failed responses alike."""
    for answer in every_answer:
        assert answer.headers.getlist("Cross-Origin-Opener-Policy") == ["same-origin"]
        assert "camera=()" in answer.headers["Permissions-Policy"]
        of_a_job = answer.request.path.startswith("/jobs/")
        assert answer.headers["Referrer-Policy"] == ("no-referrer" if of_a_job else "same-origin")
        assert ("no-store" in answer.headers.get("Cache-Control", "")) == of_a_job
        assert all(len(answer.headers.getlist(name)) == 1 for name, _ in answer.headers)


def test_a_response_without_content_has_no_type(client: FlaskClient) -> None:
    """What OPTIONS gets is not an HTML page, but an error is."""
    for path in ("/", "/static/style.css", "/tools/expensive_greet", "/api/v1/processes", "/api/v1/jobs/sample-phmmer"):
        answer = client.options(path)
        assert (answer.status_code, answer.data, answer.headers.get("Content-Type")) == (200, b"", None)
        assert "OPTIONS" in answer.headers["Allow"]
        with client.get(path) as whole, client.head(path) as head:
            assert (head.data, head.status_code, head.content_type) == (b"", 200, whole.content_type)
    assert client.options("/nowhere").content_type == "text/html; charset=utf-8"


def test_hsts_is_not_sent_over_http(client: FlaskClient) -> None:
    """HSTS over http would make a lab server without a certificate unreachable."""
    assert "Strict-Transport-Security" not in client.get("/").headers


ROUTES = ["/tools/expensive_greet", JOB + "/cancel", JOB + "/delete", JOB + "/again", "/", "/nowhere"]
ORIGINS = [None, HERE, "null", "https://evil.example", "https://localhost", HERE + ":81", HERE + ".evil.example", ""]


def test_an_unchanged_file_has_the_headers_that_came_with_it(client: FlaskClient) -> None:
    """A 304 has no content, and a browser keeps the headers of the content that it has."""
    with client.get("/static/style.css") as first:
        headers = {"If-None-Match": first.headers["ETag"]}
    with client.get("/static/style.css", headers=headers) as second:
        assert (second.status_code, second.data) == (304, b"")
        assert "Content-Security-Policy" not in second.headers


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize(
    ("site", "allowed_origins"),
    [
        (None, [None, HERE]),
        ("same-origin", ORIGINS),
        ("none", ORIGINS),
        ("same-site", []),
        ("cross-site", []),
        ("", []),
        ("same-origin, cross-site", []),
    ],
)
def test_only_requests_from_this_site_can_change_data(
    client: FlaskClient, site: str | None, allowed_origins: list[str | None], origin: str | None
) -> None:
    """Sec-Fetch-Site, or else Origin, decides for every route and method; reading is allowed from anywhere."""
    headers = {name: value for name, value in (("Sec-Fetch-Site", site), ("Origin", origin)) if value is not None}
    refused = origin not in allowed_origins
    for path in ROUTES:
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            answer = client.open(path, method=method, headers=headers)
            assert (answer.status_code == 403) == refused, (method, path)
            assert ("Nothing was changed" in answer.text) == refused
        for method in ("GET", "HEAD", "OPTIONS"):
            with client.open(path, method=method, headers=headers) as read:
                assert read.status_code != 403


@pytest.mark.parametrize("coding", ["gzip", "br", "x-gzip", "gzip, identity"])
def test_a_compressed_request_body_is_refused(client: FlaskClient, coding: str) -> None:
    """Otherwise a small body could expand into a very large one."""
    body = gzip.compress(b"person=Ada&total=5")
    form = "application/x-www-form-urlencoded"
    answer = client.post("/tools/expensive_greet", data=body, content_type=form, headers={"Content-Encoding": coding})
    assert answer.status_code == 415
    assert "without a Content-Encoding" in answer.text
