"""The pages in a real browser, with and without JavaScript."""

import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.conftest import Installation, wait_for

pytestmark = pytest.mark.slow


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
    assert page.locator("tr.hit").count() == 45
    assert page.locator("tr.hit").first.inner_text().split() == ["HBB_CALAR", "2.7e-97", "314.3", "0.8", "-"]
    assert page.locator("tr.hit svg").first.get_attribute("aria-label") == "1 to 146, of 146"
    with page.expect_download() as download:
        page.click("text=targets.tbl")
    download.value.save_as(tmp_path / "targets.tbl")
    reference = Path(__file__).parent / "tools/reference/hbb_human.targets"
    assert (tmp_path / "targets.tbl").read_bytes() == reference.read_bytes()


def test_20_polling_survives_an_outage(own_installation: Installation, browser: Browser) -> None:
    """What the page shows stays while Redis hangs or is restarted or polls are refused, and goes on afterwards."""
    own_installation.start("redis", "worker", "web")
    page = browser.new_page()
    statuses: list[int] = []
    page.on("response", lambda response: statuses.append(response.status))
    page.goto(address(own_installation, "/tools/expensive_greet"))
    page.fill("[name=person]", "Ada")
    page.fill("[name=total]", "40")
    page.click("button")
    page.wait_for_selector("progress[value]")
    own_installation.signal("redis", signal.SIGSTOP)
    with page.expect_response(lambda response: response.status == 503):
        pass
    assert page.locator("progress[value]").is_visible()
    page.wait_for_selector("text=what you see may be old")
    own_installation.signal("redis", signal.SIGCONT)
    with page.expect_response(lambda response: response.status == 200):
        pass
    page.wait_for_selector("text=what you see may be old", state="hidden")
    own_installation.signal("redis", signal.SIGKILL)
    with page.expect_response(lambda response: response.status == 503):
        pass
    own_installation.start("redis")
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


def test_polling_goes_on_after_a_reload(installation: Installation, page: Page) -> None:
    """The page is all that there is: nothing of the job is in the browser."""
    page.goto(address(installation, "/tools/expensive_greet?example"))
    page.fill("[name=total]", "6")
    page.click("text=Submit")
    page.wait_for_selector("text=of 6 steps")
    page.reload()
    page.evaluate("document.getElementById('job').marked = true")
    page.wait_for_selector("text=Greetings, Ada Lovelace!")
    assert page.evaluate("document.getElementById('job').marked")


def test_a_background_tab_and_a_reader_are_told_the_end(installation: Installation, page: Page) -> None:
    """The tab by title and icon; a screen reader at the quarters and the end, and never in between."""
    page.goto(address(installation, "/tools/expensive_greet?example"))
    page.fill("[name=total]", "12")
    page.click("text=Submit")
    page.wait_for_selector("text=of 12 steps")
    page.evaluate(
        """() => {
            const milestone = document.getElementById('milestone');
            window.said = [];  // what a reader hears of: text and nodes, no attributes
            new MutationObserver(() => said.push(milestone.textContent))
                .observe(milestone, {characterData: true, childList: true, subtree: true});
        }"""
    )
    assert page.locator("#job #milestone").count() == 0
    assert "active" in (page.get_attribute("#icon", "href") or "")
    page.wait_for_selector("text=Greetings, Ada Lovelace!")
    said = page.evaluate("window.said")
    assert 2 <= len(said) <= 4
    assert said[-1] == "Finished"
    assert set(said[:-1]) <= {"25 percent done", "50 percent done", "75 percent done", "100 percent done"}
    assert page.title().startswith("Finished")
    assert "finished" in (page.get_attribute("#icon", "href") or "")


@pytest.mark.parametrize("width", [1280, 320])
def test_polling_moves_nothing_but_the_bar(installation: Installation, page: Page, width: int) -> None:
    """Nothing shifts, the focus stays on the button that has it, and the bar is one node that grows."""
    page.set_viewport_size({"width": width, "height": 700})
    page.goto(address(installation, "/tools/expensive_greet?example"))
    page.fill("[name=total]", "1000")
    page.click("text=Submit")
    page.wait_for_selector("progress[value]")
    page.evaluate(
        """() => {
            window.shifts = [];
            new PerformanceObserver(list => list.getEntries().forEach(entry => shifts.push(entry.value)))
                .observe({type: 'layout-shift', buffered: false});
            document.querySelector('progress').marked = true;
        }"""
    )
    page.focus("text=Cancel")
    before = page.get_attribute("progress", "value")
    page.wait_for_selector("text=to go")
    assert int(page.get_attribute("progress", "value") or 0) >= int(before or 0) + 5
    assert page.evaluate("window.shifts") == []
    assert page.evaluate("document.querySelector('progress').marked")
    assert page.evaluate("document.activeElement.textContent") == "Cancel"
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Greetings, fallback!")


def test_what_moves_moves_smoothly_or_not_at_all(installation: Installation, page: Page) -> None:
    """The bar grows between two polls, unless a person asks for no motion."""
    page.goto(address(installation))
    moving = """() => [...document.styleSheets[0].cssRules]
        .filter(rule => rule instanceof CSSMediaRule && matchMedia(rule.conditionText).matches)
        .flatMap(rule => [...rule.cssRules]).map(rule => rule.cssText)
        .filter(text => /transition|animation/.test(text))"""
    assert [text for text in page.evaluate(moving) if "-webkit-progress-value" in text and "1s linear" in text]
    assert not page.evaluate(
        """() => [...document.styleSheets[0].cssRules]
        .filter(rule => rule instanceof CSSStyleRule && /transition|animation/.test(rule.cssText))
        .filter(rule => !rule.cssText.includes("leave")).length"""  # which goes, and does not move
    )
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(moving) == []


def test_an_unchanged_job_moves_no_body(installation: Installation, page: Page) -> None:
    """Once its time is told in minutes."""
    job = installation.submit("nap")
    wait_for(lambda: installation.store.find(job).phase == "running")
    installation.redis.hincrbyfloat(f"job:{job}", "started", -120)
    page.goto(address(installation, f"/jobs/{job}"))
    page.wait_for_selector("text=running for 2 minutes")
    with page.expect_response(lambda response: response.status == 304) as unchanged:
        pass
    assert unchanged.value.request.sizes()["responseBodySize"] == 0
    installation.jobs.cancel(job)
    page.wait_for_selector("text=has no result")


def test_a_job_that_goes_while_it_is_watched_is_told(installation: Installation, browser: Browser) -> None:
    """By the tab and to a reader too; and the page asks no more."""
    page = browser.new_page()
    job = installation.submit("nap")
    page.goto(address(installation, f"/jobs/{job}"))
    page.wait_for_selector("text=running for")
    installation.redis.delete(f"job:{job}")
    page.wait_for_selector("text=This job is not here")
    assert "problem" in (page.get_attribute("#icon", "href") or "")
    assert page.inner_text("#milestone") == "This job is not here"
    page.click("text=Submit it again")
    page.wait_for_selector("text=What would you like to run?")
    page.close()
    installation.redis.zrem("jobs:running", job)


def test_the_keyboard_is_enough(installation: Installation, page: Page) -> None:
    """From the front page to a result, with Tab and Enter alone, and the focus always visible."""

    def tab_to(text: str) -> None:
        for _ in range(40):
            page.keyboard.press("Tab")
            focused = page.evaluate("document.activeElement.textContent.trim() || document.activeElement.name")
            if focused == text:
                assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
                return
        pytest.fail(f"Tab never came to {text}")

    page.goto(address(installation))
    for text in ("Greeting", "Load example", "Submit"):
        tab_to(text)
        with page.expect_navigation():
            page.keyboard.press("Enter")
    page.wait_for_selector("text=Greetings, Ada Lovelace!")
    tab_to("How this was made")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Attempts")


def test_errors_get_the_focus_and_lead_to_their_fields(installation: Installation, browser: Browser) -> None:
    """Also for who does not see that the page has changed."""
    page = browser.new_page()
    page.goto(address(installation, "/tools/phmmer"))
    page.fill("[name=query]", ">a\nMK1")
    page.click("text=Submit")
    page.wait_for_selector("text=Nothing was submitted yet")
    assert page.evaluate("document.activeElement.className") == "problems"
    page.click(".problems a")
    page.keyboard.type("x")
    assert page.input_value("[name=query]") in ("x>a\nMK1", ">a\nMK1x")
    page.close()


@pytest.mark.parametrize("javascript", [True, False])
def test_thousands_of_hits_come_a_hundred_at_a_time(
    installation: Installation, browser: Browser, javascript: bool
) -> None:
    """In place, or on the next page; and from the list of queries to the hits of one."""
    page = browser.new_context(java_script_enabled=javascript).new_page()
    page.goto(address(installation, "/tools/phmmer"))
    page.set_input_files("[name=query][type=file]", Path(__file__).parents[1] / "static/examples/globins45.fa")
    page.click("text=Submit")
    page.wait_for_selector("text=2,018 hits for 45 queries")
    assert page.locator("tr.hit").count() == 100
    page.focus("text=Show the next hits")
    page.keyboard.press("Enter")
    wait_for(lambda: page.locator("tr.hit").count() == (200 if javascript else 100))
    if javascript:  # the keyboard goes on where the new hits begin
        wait_for(lambda: "(continued)" in page.evaluate("document.activeElement.textContent"))
    assert len(set(page.locator("th.query").all_inner_texts())) >= 3
    page.click("text=Go to a query")
    page.click("li >> text=HBB_ORNAN")
    wait_for(lambda: page.locator("th.query").first.inner_text().startswith("HBB_ORNAN"))
    page.context.close()


def test_without_javascript_everything_works(installation: Installation, browser: Browser) -> None:
    """Both tools from form to result, cancelling, running again and deleting, by pages that load themselves anew."""
    context = browser.new_context(java_script_enabled=False, base_url=address(installation))
    page = context.new_page()
    page.goto("/tools/expensive_greet?example")
    page.fill("[name=total]", "5")
    page.click("button")
    job = page.url
    page.wait_for_selector("text=You can close this page")
    page.wait_for_selector("text=Greetings, Ada Lovelace!")
    assert page.url == job
    assert page.locator("meta[http-equiv]").count() == 0
    page.click("text=Edit and run again")
    page.fill("[name=total]", "1000")
    page.click("text=Submit")
    page.wait_for_selector("text=of 1,000 steps")
    page.click("text=Cancel")
    page.wait_for_selector("text=Greetings, fallback!")
    page.click("text=Delete now")
    page.wait_for_selector("text=The job is deleted")
    page.goto("/tools/phmmer")
    page.fill("[name=query]", ">a\nMKV1")
    page.click("button")
    assert "'1' is not an amino acid" in page.inner_text(".problems")
    assert page.input_value("[name=query]") == ">a\nMKV1"
    page.click("text=Load example")
    page.click("button")
    page.wait_for_selector("text=45 hits for 1 query")
    page.click("summary >> nth=0")
    assert page.locator("pre").first.is_visible()
    with page.expect_download():
        page.click("text=domains.tbl")
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
