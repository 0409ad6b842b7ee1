"""What the page of a job shows of its programs and stages, with a real worker and gunicorn."""

import json
from html import unescape

import pytest
from playwright.sync_api import Browser

from tests.conftest import Installation, wait_for
from tests.http import fetch, go_on, submit, wait_for_end

pytestmark = pytest.mark.slow


def status(installation: Installation, job: str) -> dict:
    """Return the state of a job as scripts get it."""
    return json.loads(fetch(installation, job + ".json").body)


def test_the_errors_of_a_program_are_shown(installation: Installation) -> None:
    """They are escaped, below a sentence that says what to do, and scripts get them too."""
    job = submit(installation, "run_script", script="echo '<b>no gene</b>' >&2; exit 3")
    page = wait_for_end(installation, job)
    assert "The program sh failed with exit status 3. The end of its output is below. If" in page
    assert "&lt;b&gt;no gene&lt;/b&gt;</pre>" in page
    found = status(installation, job)
    assert (found["phase"], found["output"]) == ("failed", "<b>no gene</b>")
    assert found["problem"].startswith("The program sh failed with exit status 3.")


def test_secret_errors_are_not_shown(installation: Installation) -> None:
    """Neither in the page nor in what scripts get, nor in the log of the job."""
    job = submit(installation, "run_secret_script", script="printf 'pass%s' word >&2; exit 3")
    assert "The program sh failed with exit status 3. Check your input" in wait_for_end(installation, job)
    for path in (job, job + ".json"):
        assert "password" not in fetch(installation, path).body


def test_the_commands_of_a_job_are_shown_with_how_it_was_made(installation: Installation) -> None:
    """Each has its exit status."""
    job = submit(installation, "run_script", script="exit 3")
    assert "sh -c 'exit 3'  # exit status 3" in unescape(wait_for_end(installation, job))


def test_each_stage_has_its_own_progress(installation: Installation) -> None:
    """A stage that is complete looks neither like the end of the job, nor like almost the end."""
    job = submit(installation, "climb", script="seq 4 >&2; echo 10 >&2")
    page = wait_for(lambda: "10 of 10 queries" in (body := fetch(installation, job).body) and body)
    assert "Reading, stage 1 of 2; 10 of 10 queries; running for" in page
    assert '<progress aria-label="Progress"></progress>' in page
    for text in ("almost done", "100 ", "to go"):
        assert text not in page
    progress = status(installation, job)["progress"]
    assert progress["stage"] == {"name": "Reading", "number": 1, "total": 2}
    assert (progress["current"], progress["total"], progress["unit"]) == (10, 10, "query")
    assert status(installation, job)["log"].splitlines() == ["Reading has started", "1", "2", "3", "4", "10"]
    go_on(installation, job)
    page = wait_for(lambda: "stage 2 of 2; 10 of" in (body := fetch(installation, job).body) and body)
    assert "<title>Running - " in page
    go_on(installation, job)
    assert "10 of 10 queries; it took" in wait_for_end(installation, job)


@pytest.mark.parametrize("javascript", [True, False])
def test_the_log_grows_and_stays_open(installation: Installation, browser: Browser, javascript: bool) -> None:
    """Polling changes its lines but leaves it open. Without JavaScript, a link keeps it open while the page reloads."""
    base = f"http://127.0.0.1:{installation.settings.web_port}"
    page = browser.new_context(base_url=base, java_script_enabled=javascript).new_page()
    job = submit(installation, "climb", script="echo 3 >&2")
    wait_for(lambda: "has started\n3" in fetch(installation, job).body)
    page.goto(job)
    page.click("summary:text('Log')" if javascript else "noscript a[href$='?log=']")
    assert page.locator("#log[open] pre").inner_text() == "Reading has started\n3"
    go_on(installation, job)
    page.wait_for_selector("#log[open] pre:text('Writing has started')")
    wait_for(lambda: page.locator("#log pre").inner_text().endswith("Writing has started\n3"))
    go_on(installation, job)
    wait_for_end(installation, job)
    page.wait_for_selector("h2:text('Finished')")
    assert page.locator("#log").get_attribute("open") is not None
    page.context.close()
