"""The pages in a real browser, with and without JavaScript."""

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.conftest import Installation, wait_for

pytestmark = pytest.mark.slow
CHROMIUM = Path("/usr/bin/chromium")
QUIET = ["--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
NAMES = "--host-resolver-rules=MAP *.test 127.0.0.1"  # which a browser trusts less than it trusts localhost


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    if not CHROMIUM.exists() and "CI" not in os.environ:
        pytest.skip("no browser: install Debian's package chromium")
    sandbox = [] if os.getuid() else ["--no-sandbox"]
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=[*QUIET, NAMES, *sandbox])


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page on which nothing is reported to the console."""
    page = browser.new_page()
    reported: list[str] = []
    page.on("console", lambda message: reported.append(message.text))
    page.on("pageerror", lambda error: reported.append(str(error)))
    yield page
    page.close()
    assert reported == []


def address(installation: Installation, path: str = "/") -> str:
    """The address of a page."""
    return f"http://127.0.0.1:{installation.settings.web_port}{path}"


def test_21_a_greeting_progresses_in_place_and_polling_ends(installation: Installation, page: Page) -> None:
    """One request a second while the job runs; none once the page has its end."""
    page.goto(address(installation))
    page.click("text=Greeting")
    page.click("text=Load example")
    page.fill("[name=total]", "6")
    polls: list[str] = []
    page.on("request", lambda request: polls.append(request.url) if request.url.endswith("/progress") else None)
    page.click("button")
    page.evaluate("document.getElementById('job').marked = true")
    page.wait_for_selector("progress[value='4']")
    page.wait_for_selector("text=Greetings, Ada Lovelace!")
    assert page.evaluate("document.getElementById('job').marked")  # it was morphed, never replaced or reloaded
    ended_after = len(polls)
    assert 2 <= ended_after <= 6
    time.sleep(2.5)
    assert len(polls) == ended_after


def test_phmmer_from_example_to_download(installation: Installation, page: Page, tmp_path: Path) -> None:
    """The example's form, its hits, and a file of them."""
    page.goto(address(installation, "/tools/phmmer"))
    page.click("text=Load example")
    page.click("button")
    page.wait_for_selector("text=45 hits for 1 query")
    assert page.locator("tbody tr").count() == 45
    assert page.locator("tbody tr").first.inner_text().split()[:4] == ["HBB_CALAR", "2.7e-97", "314.3", "0.8"]
    with page.expect_download() as download:
        page.click("text=targets.tbl")
    download.value.save_as(tmp_path / "targets.tbl")
    reference = Path(__file__).parent / "tools/reference/hbb_human.targets"
    assert (tmp_path / "targets.tbl").read_bytes() == reference.read_bytes()


def test_20_polling_survives_an_outage(own_installation: Installation, browser: Browser) -> None:
    """What the page shows stays while Redis is away or polls are refused, and goes on afterwards."""
    own_installation.start("redis", "worker", "web")
    page = browser.new_page()
    statuses: list[int] = []
    page.on("response", lambda response: statuses.append(response.status))
    page.goto(address(own_installation, "/tools/expensive_greet"))
    page.fill("[name=person]", "Ada")
    page.fill("[name=total]", "16")
    page.click("button")
    page.wait_for_selector("progress[value]")
    own_installation.signal("redis", signal.SIGSTOP)
    with page.expect_response(lambda response: response.status == 503):
        pass
    assert page.locator("progress[value]").is_visible()
    own_installation.signal("redis", signal.SIGCONT)
    page.route("**/progress", lambda route: route.fulfill(status=429, body="Wait a minute"))
    with page.expect_response(lambda response: response.status == 429):
        pass
    assert page.locator("progress[value]").is_visible()
    page.unroute("**/progress")
    page.wait_for_selector("text=Greetings, Ada!")
    page.close()


def test_22_back_shows_the_page_and_not_the_fragment(installation: Installation, page: Page) -> None:
    """The two have addresses of their own."""
    page.goto(address(installation, "/tools/expensive_greet?example"))
    page.fill("[name=total]", "4")
    page.click("text=Submit")
    page.wait_for_selector("text=Greetings, Ada Lovelace!")
    page.click("header a")
    page.go_back()
    page.wait_for_selector("text=Greetings, Ada Lovelace!")
    assert page.locator("header").count() == 1


def test_a_job_is_cancelled_by_its_button(installation: Installation, page: Page) -> None:
    """Its title goes from the percentage to the end, also for a tab in the background."""
    page.goto(address(installation, "/tools/expensive_greet?example"))
    page.fill("[name=total]", "100")
    page.fill("[name=label]", "my greeting")
    page.click("text=Submit")
    wait_for(lambda: re.fullmatch(r"[1-9]\d* % - my greeting - greeter", page.title()))
    page.click("text=Cancel")
    page.wait_for_selector("text=Greetings, fallback!")
    assert page.title() == "Cancelled - my greeting - greeter"


def test_without_javascript_everything_works(installation: Installation, browser: Browser) -> None:
    """A page that loads itself anew until the job has ended."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address(installation, "/tools/expensive_greet?example"))
    page.fill("[name=total]", "5")
    page.click("button")
    job = page.url
    page.wait_for_selector("text=You can close this page")
    page.wait_for_selector("text=Greetings, Ada Lovelace!")
    assert page.url == job
    assert page.locator("meta[http-equiv]").count() == 0
    page.goto(address(installation, "/tools/phmmer"))
    page.fill("[name=query]", ">a\nMKV1")
    page.click("button")
    assert "'1' is not an amino acid" in page.inner_text(".problem >> nth=1")
    assert page.input_value("[name=query]") == ">a\nMKV1"
    context.close()


def test_too_large_an_upload_is_told_in_the_browser(
    installation: Installation, browser: Browser, tmp_path: Path
) -> None:
    """Our page, and not the browser's own about a broken connection; Back has the rest of the form."""
    page = browser.new_page()
    (tmp_path / "large.fa").write_bytes(b">a\n" + b"MKVLAWTRH\n" * 3_000_000)
    page.goto(address(installation, "/tools/phmmer"))
    page.fill("[name=evalue]", "0.5")
    page.set_input_files("[name=query][type=file]", tmp_path / "large.fa")
    page.click("button")
    page.wait_for_selector("text=This is too much at once")
    page.go_back()
    assert page.input_value("[name=evalue]") == "0.5"
    page.close()


def test_27_without_https_the_buttons_work_and_other_sites_get_nowhere(
    installation: Installation, browser: Browser
) -> None:
    """There a browser sends no Sec-Fetch-Site, and the Origin decides, also on a job's page."""
    site = f"http://greeter.test:{installation.settings.web_port}"
    page = browser.new_page()
    sent: list[dict[str, str]] = []
    page.on("request", lambda request: sent.append(request.all_headers()) if request.method == "POST" else None)
    page.goto(site + "/tools/expensive_greet?example")
    page.fill("[name=total]", "1000")
    for button in ("Submit", "Cancel", "Edit and run again", "Submit", "Cancel", "Run again", "Cancel", "Delete now"):
        page.click(f"text={button} >> visible=true")
    page.wait_for_selector("text=The job is deleted")
    assert [headers.get("origin") for headers in sent] == [site] * 7
    assert not any("sec-fetch-site" in headers for headers in sent)
    trap = f'<form method="post" action="{site}/tools/expensive_greet"><button>Win</button></form>'
    page.route("http://other.test/", lambda route: route.fulfill(body=trap, content_type="text/html"))
    page.goto("http://other.test/")
    page.click("text=Win")
    page.wait_for_selector("text=This did not come from a page of this site")
    page.close()
