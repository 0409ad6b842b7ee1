"""Lighthouse's opinion of the pages, in the states that an address leads to. axe sees the others, in test_states.py."""

import json
import os
import re
import shutil
import subprocess
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from greeter.jobs.errors import JobNotFound
from tests.conftest import CHROMIUM, Installation
from tests.states import WITH_WORKER

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif("LIGHTHOUSE" not in os.environ, reason="takes minutes, and npm downloads it: run make pages"),
]
FLOOR = 95  # of 100
# The address alone shows another state, or the search needs the processor that draws the page.
UNSUITABLE = re.compile("[0-9]|form-kept|deleted|finished-opened|sample$|running-search")
STATES = [state for state in WITH_WORKER if not UNSUITABLE.match(state)]
DELIBERATE = ["is-crawlable"]  # the page of a job is kept out of search engines


@pytest.mark.parametrize("state", STATES)
def test_every_category_has_a_good_score(
    installation: Installation, browser: Browser, tmp_path: Path, state: str
) -> None:
    """Speed, accessibility, best practices and search engines; for jobs, without what search engines must not do."""
    with closing(browser.new_page(base_url=f"http://127.0.0.1:{installation.settings.web_port}")) as page:
        WITH_WORKER[state](page, installation)
        address = page.url
    for _ in range(3):  # on a busy machine, a page seems slow, or cannot be measured
        low = low_scores(state, lighthouse(address, tmp_path / "report.json"))
        if not low:
            break
    with suppress(JobNotFound):  # a job that still runs would delay the next one
        installation.store.cancel(address.removesuffix("/mail").rpartition("/")[2])
    assert low == {}


def lighthouse(address: str, file: Path) -> dict[str, Any]:
    """Let Lighthouse open a page, as on a phone, and return its report."""
    npx = shutil.which("npx") or pytest.fail("npx is missing: install Debian's package npm")
    command = [npx, "--yes", "lighthouse@12.8.2", address, "--quiet", "--output=json", f"--output-path={file}"]
    flags = "--chrome-flags=--headless=new --no-sandbox"
    subprocess.run([*command, flags], env=os.environ | {"CHROME_PATH": str(CHROMIUM)}, check=False)
    report: dict[str, Any] = json.loads(file.read_text())
    return report


def low_scores(state: str, report: dict[str, Any]) -> dict[str, list[str]]:
    """Return the categories below the floor, each with what failed, except what is deliberate."""
    low: dict[str, list[str]] = {}
    for name, category in report["categories"].items():
        audits = [report["audits"][reference["id"]] for reference in category["auditRefs"] if reference["weight"]]
        failed = [audit["id"] for audit in audits if audit["score"] is not None and audit["score"] < 1]
        score = round(100 * (category["score"] or 0))
        print(f"{state}: {name} {score}", *failed)
        if score < FLOOR and failed != DELIBERATE:
            low[name] = failed
    return low
