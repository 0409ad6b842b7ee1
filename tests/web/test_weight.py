"""Tests of how many bytes pages and polls transfer."""

import re
from urllib.parse import urljoin

import pytest
from flask.testing import FlaskClient

from tests.conftest import Installation, wait_for
from tests.http import Response, fetch, post, submit

BROWSER = {"Accept-Encoding": "gzip, deflate, br, zstd"}
FIRST_VISIT = 30_000


def bytes_of_a_visit(client: FlaskClient, path: str) -> int:
    """The total size of a page and everything that it loads, as sent to a browser."""
    seen, waiting, total = set(), [path], 0
    while waiting:
        address = waiting.pop()
        seen.add(address)
        with client.get(address, headers=BROWSER) as answer:
            assert answer.status_code == 200
            total += len(answer.data)
        if address == path:
            page = client.get(path).text
            loaded = re.findall(r'<(?:link|script|img)[^>]* (?:href|src)="([^"]+)"', page)
            waiting += [found for found in (urljoin(path, link) for link in loaded) if found not in seen]
    return total


@pytest.mark.parametrize(
    "path",
    ["/", "/help", "/tools/phmmer", *(f"/jobs/sample-{tool}" for tool in ("expensive_greet", "phmmer", "mafft"))],
)
def test_a_first_visit_transfers_at_most_30_kb(client: FlaskClient, path: str) -> None:
    """The limit covers a page with its style sheet, icons and scripts, compressed."""
    weight = bytes_of_a_visit(client, path)
    print(f"first visit of {path}: {weight:,} bytes")
    assert 1000 < weight <= FIRST_VISIT


@pytest.mark.slow
def test_a_poll_of_an_unchanged_job_has_no_body(installation: Installation) -> None:
    """A poll of a changed job transfers at most 1,500 bytes, which are not worth the time to compress them."""
    job = submit(installation, "nap")
    raw = fetch(installation, job + "/progress")
    changed = fetch(installation, job + "/progress", **BROWSER)
    print(f"poll of a changed job: {len(changed.raw):,} bytes, {len(raw.raw):,} without compression")
    assert 0 < len(changed.raw) <= 1500
    assert "Content-Encoding" not in changed.headers

    def unchanged() -> Response | None:
        known = fetch(installation, job + "/progress").headers["HX-PTag"]
        answer = fetch(installation, job + "/progress", **BROWSER, **{"HX-PTag": known})
        return answer if answer.status == 304 else None

    assert wait_for(unchanged).raw == b""
    post(installation, job + "/cancel")
