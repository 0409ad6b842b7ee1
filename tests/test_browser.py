"""Tests of the pages in a real browser, with and without JavaScript."""

import re
import signal
import time
from base64 import b64encode
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.conftest import ROOT, Installation, wait_for
from tests.zoo.running import WAIT

pytestmark = pytest.mark.slow


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that must not log anything to the console."""
    page = browser.new_page()
    reported: list[str] = []
    page.on("console", lambda message: reported.append(message.text))
    page.on("pageerror", lambda error: reported.append(str(error)))
    yield page
    page.close()
    assert reported == []


def address(installation: Installation, path: str = "/") -> str:
    """The URL of a path of the installation."""
    return f"http://127.0.0.1:{installation.settings.web_port}{path}"


def test_progress_updates_in_place_and_polling_stops_at_the_end(installation: Installation, page: Page) -> None:
    """The page sends one request a second while the job runs, and none after it has ended."""
    page.goto(address(installation))
    page.click("text=Greeting")
    page.click("text=Load example")
    page.fill("[name=total]", "1000")
    polls: list[str] = []
    page.on("request", lambda request: polls.append(request.url) if request.url.endswith("/progress") else None)
    submitted = time.monotonic()
    page.click("button")
    page.wait_for_selector("#job")
    page.evaluate("document.getElementById('job').marked = true")
    first = page.wait_for_selector("progress[value]:not([value='0'])").get_attribute("value")
    page.wait_for_selector(f"progress[value]:not([value='{first}'])")
    installation.jobs.cancel(page.url.rpartition("/")[2])
    page.wait_for_selector("text=Greetings, fallback!")
    assert page.evaluate("document.getElementById('job').marked")  # morphed, neither replaced nor reloaded
    ended_after = len(polls)
    assert 2 <= ended_after <= time.monotonic() - submitted + 2
    time.sleep(2.5)
    assert len(polls) == ended_after


def test_phmmer_runs_from_example_to_download(installation: Installation, page: Page, tmp_path: Path) -> None:
    """The example's form leads to its hits and a downloadable table."""
    page.goto(address(installation, "/tools/phmmer"))
    page.click("text=Load example")
    page.click("button")
    page.wait_for_selector("text=11 hits for 3 queries")
    hits = page.locator("#table-hits tr.hit")
    assert hits.count() == 11
    for part in (
        "P29597",
        "TYK2_HUMAN",
        "Non-receptor tyrosine-protein kinase TYK2",
        "Homo sapiens",
        "1e-242",
        "797.7",
    ):
        expect(hits.first).to_contain_text(part)
    assert hits.first.locator("svg").first.get_attribute("aria-label") == "50 to 271, 278 to 299, 317 to 1121, of 1132"
    page.click("text=Downloads (9 files)")
    with page.expect_download() as download:
        page.click("text=alignments.sto")
    download.value.save_as(tmp_path / "alignments.sto")
    reference = (Path(__file__).parent / "tools/reference/three.sto").read_text()
    assert (tmp_path / "alignments.sto").read_text().split("\n")[4:10] == reference.split("\n")[4:10]


def test_polling_survives_outages(
    own_installation: Installation, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page stays visible while Redis hangs or is restarted, or the web is killed, and updates again afterwards."""
    monkeypatch.delenv("_REDIS_SECONDS")
    own_installation.start("redis", "worker", "web")
    page = browser.new_page()
    statuses: list[int] = []
    page.on("response", lambda response: statuses.append(response.status))
    page.goto(address(own_installation, "/tools/expensive_greet"))
    page.fill("[name=person]", "Ada")
    page.fill("[name=total]", "1000")
    page.click("button")
    page.wait_for_selector("progress[value]")
    own_installation.signal("redis", signal.SIGSTOP)
    with page.expect_response(lambda response: response.status == 503):
        pass
    assert page.locator("progress[value]").is_visible()
    page.wait_for_selector("#job >> text=this page may be out of date")
    wait_for(lambda: page.title() == "Updates are unavailable - greeter")
    own_installation.signal("redis", signal.SIGCONT)
    with page.expect_response(lambda response: response.status == 200):
        pass
    page.wait_for_selector("text=this page may be out of date", state="hidden")
    wait_for(lambda: page.title() == "Running - Greeting - greeter")
    own_installation.signal("redis", signal.SIGKILL)
    with page.expect_response(lambda response: response.status == 503):
        pass
    own_installation.start("redis")
    with page.expect_response(lambda response: response.status == 200):
        pass
    page.wait_for_selector("text=this page may be out of date", state="hidden")
    own_installation.signal("web", signal.SIGKILL)
    with page.expect_event("requestfailed"):
        pass
    assert not shows_notice(page, 29)
    assert shows_notice(page, 30)
    own_installation.start("web")
    page.wait_for_selector("text=this page may be out of date", state="hidden")
    own_installation.jobs.cancel(page.url.rpartition("/")[2])
    page.wait_for_selector("text=Greetings, fallback!")
    page.close()


def shows_notice(page: Page, seconds: int) -> bool:
    """Set the time that the notice about an outage has been hidden, and return whether the page shows it then."""
    shown: bool = page.evaluate(
        """seconds => {
            document.getAnimations().find(one => one.animationName == 'fresh').currentTime = 1000 * seconds;
            return document.querySelector('#job .outage').checkVisibility({visibilityProperty: true});
        }""",
        seconds,
    )
    return shown


def test_an_unchanged_page_shows_no_outage(installation: Installation, browser: Browser) -> None:
    """Each quarter of a minute a poll brings a new notice, which is hidden again; even if motion is reduced."""
    page = browser.new_page(reduced_motion="reduce")
    job = watched(installation, page)
    notice = page.locator("#job .outage")
    before = notice.get_attribute("id")
    assert shows_notice(page, 30)
    notice.wait_for(state="hidden")
    assert notice.get_attribute("id") != before
    page.close()
    installation.jobs.cancel(job)


def watched(installation: Installation, page: Page) -> str:
    """Open the page of a job that runs and only changes with the minutes, and return its id."""
    job = installation.submit("nap")
    wait_for(lambda: installation.store.find(job).phase == "running")
    installation.redis.hincrbyfloat(f"job:{job}", "started", -120)
    page.goto(address(installation, f"/jobs/{job}"))
    page.wait_for_selector("text=running for 2 minutes")
    return job


def test_a_page_says_so_when_its_polls_are_refused(installation: Installation, browser: Browser) -> None:
    """Whatever a proxy answers, at once, and 429 after a while; it stops when polls succeed, even without a change."""
    page = browser.new_page()
    job = watched(installation, page)
    notice = page.locator("#job >> text=this page may be out of date")
    body = "<title>From a proxy</title><h1>Refused</h1>"
    for status in (502, 429):

        def refuse(route: Route) -> None:
            route.fulfill(status=status, content_type="text/html", body=body)  # noqa: B023

        page.route("**/progress", refuse)
        with page.expect_response(lambda response: response.status >= 429):
            pass
        if status == 429:
            assert not shows_notice(page, 29)
            assert shows_notice(page, 30)
        notice.wait_for()
        assert (page.title() == "From a proxy") == (status != 429)
        assert page.locator("text=Refused").count() == 0
        page.unroute("**/progress")
        notice.wait_for(state="hidden")
    assert installation.store.find(job).active
    page.close()
    installation.jobs.cancel(job)


def test_without_javascript_a_job_page_reloads_itself_after_an_outage(
    own_installation: Installation, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error pages that the page reaches while it reloads itself have a link to reload, and reload themselves."""
    monkeypatch.delenv("_REDIS_SECONDS")
    own_installation.start("redis", "web")
    context = browser.new_context(java_script_enabled=False, base_url=address(own_installation))
    page = context.new_page()
    job = f"/jobs/{own_installation.submit('nap')}"
    page.goto(job)
    own_installation.signal("redis", signal.SIGSTOP)
    page.wait_for_selector("text=This page is unavailable")
    assert page.get_attribute("meta[http-equiv]", "content") == "15"
    page.click("text=Reload")
    page.wait_for_selector("text=This page is unavailable")
    own_installation.signal("redis", signal.SIGCONT)
    page.wait_for_selector("text=Waiting")
    assert page.url.endswith(job)
    context.close()


def test_polling_continues_after_a_reload_and_the_back_button_shows_the_page(
    installation: Installation, page: Page
) -> None:
    """The browser stores no state of the job, and page and fragment have separate URLs."""
    page.goto(address(installation, "/tools/expensive_greet?example"))
    page.fill("[name=total]", "1000")
    page.click("form button")
    page.wait_for_selector("text=of 1,000 steps")
    page.reload()
    page.evaluate("document.getElementById('job').marked = true")
    installation.jobs.cancel(page.url.rpartition("/")[2])
    page.wait_for_selector("text=Greetings, fallback!")
    assert page.evaluate("document.getElementById('job').marked")
    page.click("header a")
    page.go_back()
    page.wait_for_selector("text=Greetings, fallback!")
    assert page.locator("header").count() == 1


def test_cancel_button_ends_the_job_and_updates_the_title(installation: Installation, page: Page) -> None:
    """The title changes from the state to the outcome, so that it also shows on a background tab."""
    page.goto(address(installation, "/tools/expensive_greet?example"))
    page.fill("[name=total]", "1000")
    page.fill("[name=label]", "my greeting")
    page.click("form button")
    page.wait_for_selector("text=of 1,000 steps")
    assert page.title() == "Running - my greeting - greeter"
    page.click("text=Cancel")
    page.wait_for_selector("text=Greetings, fallback!")
    assert page.title() == "Cancelled - my greeting - greeter"
    assert page.locator("#job h2 svg").is_visible()


def test_cancel_never_becomes_another_button_under_the_focus(installation: Installation, page: Page) -> None:
    """When the job ends, the focus moves to the new heading, so that Enter, pressed too late, does nothing."""
    job = installation.submit("nap")
    page.goto(address(installation, f"/jobs/{job}"))
    page.wait_for_selector("text=running for")
    page.focus("text=Cancel")
    page.evaluate("document.querySelector('form').marked = true")
    installation.jobs.cancel(job)
    page.wait_for_selector("button >> text=Run again")
    wait_for(lambda: page.evaluate("document.activeElement.textContent") == page.inner_text("#job h2") == "Cancelled")
    assert page.evaluate("[...document.forms].filter(form => form.marked).length") == 0
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.url.endswith(job)
    assert page.evaluate("document.getElementById('job').contains(document.activeElement)")


def test_background_tabs_and_screen_readers_are_notified_of_the_end(installation: Installation, page: Page) -> None:
    """Title and icon of the tab change; a screen reader announces stages, quarters and the end, and nothing else."""
    job = installation.submit("climb", script=f"[ -e _read ] || for n in 3 4 6; do echo $n >&2; {WAIT}; done; > _read")
    page.goto(address(installation, f"/jobs/{job}"))
    page.wait_for_selector("text=3 of 10")
    page.evaluate(
        """() => {
            const milestone = document.getElementById('milestone');
            window.announced = [];  // what a screen reader announces: text and nodes, not attributes
            new MutationObserver(() => announced.push(milestone.textContent))
                .observe(milestone, {characterData: true, childList: true, subtree: true});
        }"""
    )
    assert page.locator("#job #milestone").count() == 0
    assert "active" in (page.get_attribute("#icon", "href") or "")
    (attempt,) = (installation.store.files.folder(job) / "attempts").iterdir()
    go = attempt / "outputs" / "go"
    for sign in ("4 of 10", "6 of 10", "6 of 10", "Writing, stage 2 of 2", "Finished"):
        go.touch()
        wait_for(lambda: not go.exists())
        page.wait_for_selector(f"#job >> text={sign}")
    announced = page.evaluate("window.announced")
    assert announced == ["Reading, stage 1 of 2, 50 percent done", "Writing, stage 2 of 2", "Finished"]
    assert page.title().startswith("Finished")
    assert "finished" in (page.get_attribute("#icon", "href") or "")


@pytest.mark.parametrize("width", [1280, 320])
def test_polling_moves_nothing_but_the_progress_bar(installation: Installation, page: Page, width: int) -> None:
    """The layout does not shift, the focused button keeps its focus, and the bar stays the same element."""
    page.set_viewport_size({"width": width, "height": 700})
    page.goto(address(installation, "/tools/expensive_greet?example"))
    page.fill("[name=total]", "1000")
    page.click("form button")
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
    page.wait_for_selector("text=to go")
    before = page.get_attribute("progress", "value")
    page.wait_for_selector(f"progress[value]:not([value='{before}'])")
    assert page.evaluate("window.shifts") == []
    assert page.evaluate("document.querySelector('progress').marked")
    assert page.evaluate("document.activeElement.textContent") == "Cancel"
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Greetings, fallback!")


def test_the_progress_bar_is_animated_unless_motion_is_reduced(installation: Installation, page: Page) -> None:
    """The bar grows smoothly between two polls, and nothing moves when reduced motion is preferred.

    The animation of the notice about outages moves nothing: it hides it for a while.
    """
    page.goto(address(installation))
    moving = """() => [...document.styleSheets[0].cssRules]
        .filter(rule => rule instanceof CSSMediaRule && matchMedia(rule.conditionText).matches)
        .flatMap(rule => [...rule.cssRules]).map(rule => rule.cssText)
        .filter(text => /transition|animation/.test(text))"""
    assert [text for text in page.evaluate(moving) if "-webkit-progress-value" in text and "1s linear" in text]
    assert not page.evaluate(
        """() => [...document.styleSheets[0].cssRules]
        .filter(rule => rule instanceof CSSStyleRule && /transition|animation/.test(rule.cssText))
        .filter(rule => !rule.selectorText.includes(".outage")).length"""
    )
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(moving) == []


def test_the_progress_bar_is_visible_in_forced_colours(installation: Installation, browser: Browser) -> None:
    """With the colours of the system, as in the high contrast of Windows, the done part differs from the rest."""
    page = browser.new_page(base_url=address(installation), forced_colors="active", reduced_motion="reduce")
    page.goto("/tools/expensive_greet")
    two = "<progress max='10' value='4'></progress><progress></progress>"
    page.evaluate("html => document.querySelector('main').innerHTML = html", two)
    bars = page.locator("progress")
    done, rest = (color_at(page, bars.first.screenshot(), part) for part in (0.2, 0.8))
    assert done != rest
    stripes = bars.last.screenshot()
    assert len({tuple(color_at(page, stripes, part / 100)) for part in range(20, 80)}) >= 2
    page.close()


def color_at(page: Page, picture: bytes, part: float) -> list[int]:
    """The colour of a pixel in the middle of a PNG, at a part of its width."""
    pixel: list[int] = page.evaluate(
        """async ([picture, part]) => {
            const bytes = Uint8Array.from(atob(picture), letter => letter.charCodeAt(0));
            const image = await createImageBitmap(new Blob([bytes], {type: 'image/png'}));
            const canvas = new OffscreenCanvas(image.width, image.height).getContext('2d');
            canvas.drawImage(image, 0, 0);
            return [...canvas.getImageData(image.width * part, image.height / 2, 1, 1).data];
        }""",
        [b64encode(picture).decode(), part],
    )
    return pixel


def test_polling_an_unchanged_job_transfers_no_body(installation: Installation, page: Page) -> None:
    """Once the page shows its time in minutes, polls get 304 between two changes."""
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


def test_a_job_that_disappears_while_watched_is_reported(installation: Installation, browser: Browser) -> None:
    """The tab and the screen reader are notified too, and polling stops."""
    page = browser.new_page()
    job = installation.submit("nap")
    page.goto(address(installation, f"/jobs/{job}"))
    page.wait_for_selector("text=running for")
    installation.redis.delete(f"job:{job}")
    page.wait_for_selector("text=Job not found")
    assert "problem" in (page.get_attribute("#icon", "href") or "")
    assert page.inner_text("#milestone") == "Job not found"
    wait_for(lambda: page.evaluate("document.activeElement.textContent") == "Job not found")
    page.click("text=Submit the job again")
    page.wait_for_selector("text=What would you like to run?")
    page.close()
    installation.redis.zrem("jobs:running", job)


def test_the_site_works_with_the_keyboard_alone(installation: Installation, page: Page) -> None:
    """Tab and Enter lead from the front page to a result, and the focus is always visible."""

    def tab_to(text: str) -> None:
        for _ in range(40):
            page.keyboard.press("Tab")
            focused = page.evaluate("document.activeElement.textContent.trim() || document.activeElement.name")
            if focused == text:
                assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
                return
        pytest.fail(f"Tab never reached {text}")

    page.goto(address(installation))
    for text in ("Greeting", "Load example", "Greet"):
        tab_to(text)
        with page.expect_navigation():
            page.keyboard.press("Enter")
    page.wait_for_selector("text=Greetings, Ada Lovelace!")
    tab_to("How this job was run")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Attempts")


def test_the_error_summary_gets_the_focus_and_links_to_its_fields(installation: Installation, browser: Browser) -> None:
    """This notifies people who cannot see that the page has changed."""
    page = browser.new_page()
    page.goto(address(installation, "/tools/phmmer"))
    page.fill("[name=query]", ">a\nMK1")
    page.click("form button")
    page.wait_for_selector("text=Nothing has been submitted yet")
    assert page.evaluate("document.activeElement.className") == "problems"
    page.click(".problems a")
    page.keyboard.type("x")
    assert page.input_value("[name=query]") in ("x>a\nMK1", ">a\nMK1x")
    page.close()


@pytest.fixture(scope="module")
def many_hits(installation: Installation) -> str:
    """The path of a finished search with 2,018 hits for 45 queries, whose names are like those of UniProt."""
    globins = (ROOT / "static/examples/globins45.fa").read_text()
    renamed = re.sub(r">(\S+)", r">tr|A0A2K5XYZ1|A0A2K5\1 Haemoglobin subunit of an uncharacterized animal", globins)
    job = installation.submit("phmmer", query=renamed.encode(), database=None, targets=None, evalue=10.0)
    wait_for(lambda: not installation.store.find(job).active)
    return f"/jobs/{job}"


@pytest.mark.parametrize("javascript", [True, False])
def test_hits_are_shown_a_hundred_at_a_time(
    installation: Installation, many_hits: str, browser: Browser, javascript: bool
) -> None:
    """Links lead to the next and the earlier ones, each with an address of its own, and alignments open in place."""
    page = browser.new_context(java_script_enabled=javascript, base_url=address(installation)).new_page()
    page.goto(many_hits)
    pager = page.locator("#table-hits .pager").first
    hits = page.locator("#table-hits tr.hit")
    expect(pager).to_contain_text("1 to 100 of 2,018")
    assert hits.count() == 100
    pager.locator("text=Next hits").click()
    expect(pager).to_contain_text("101 to 200 of 2,018")
    second = page.url
    assert "hits-start=100" in second
    page.click("header >> text=Help")
    page.go_back()
    expect(pager).to_contain_text("101 to 200 of 2,018")
    assert page.url == second
    hits.nth(3).locator("text=Show alignment").click()
    expect(page.locator("pre.alignment")).to_have_count(1)
    expect(pager).to_contain_text("101 to 200 of 2,018")
    if javascript:
        expect(hits.nth(3).locator("text=Hide alignment")).to_be_focused()
    page.click("text=Show all alignments")
    expect(page.locator("pre.alignment")).to_have_count(100)
    page.click("text=Hide all alignments")
    expect(page.locator("pre.alignment")).to_have_count(0)
    pager.locator("text=Previous hits").click()
    expect(pager).to_contain_text("1 to 100 of 2,018")
    page.context.close()


@pytest.mark.parametrize("javascript", [True, False])
def test_a_list_of_queries_leads_to_the_hits_of_each(
    installation: Installation, many_hits: str, browser: Browser, javascript: bool
) -> None:
    """However many queries there are, few elements get the focus before the results."""
    page = browser.new_context(java_script_enabled=javascript, base_url=address(installation)).new_page()
    page.goto(f"{many_hits}?hits-open=50#hits-50")
    row, head = (page.locator(f"#table-hits {one}").bounding_box() for one in ("tr.hit >> nth=49", "thead"))
    assert row
    assert head
    assert row["y"] >= head["y"] + head["height"]  # the heads, which stay in view, do not cover the row in the address
    page.goto(many_hits)
    page.click("#table-queries >> text=HBB_ORNAN >> nth=0")
    expect(page.locator("#table-hits .matches")).to_have_text("45 of 2,018 hits match")
    expect(page.locator("#table-hits th.query")).to_contain_text("HBB_ORNAN")
    page.goto(many_hits)
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.url.endswith("#main")
    page.reload()
    for count in range(31):  # noqa: B007
        page.keyboard.press("Tab")
        if page.locator(":focus >> text=Skip to the hits").count():
            page.keyboard.press("Enter")
        if page.locator("#table-hits tr.hit :focus").count():
            break
    assert 5 < count <= 30
    page.locator("#table-hits tr.hit").nth(50).scroll_into_view_if_needed()
    head = page.locator("#table-hits thead th").first.bounding_box()
    assert head
    assert -1 < head["y"] < 5
    page.context.close()


def test_hits_are_cards_on_a_phone(installation: Installation, many_hits: str, browser: Browser) -> None:
    """Nothing is cut off or has to be scrolled sideways but alignments, and no name breaks inside a word."""
    page = browser.new_page(base_url=address(installation), viewport={"width": 390, "height": 800})
    page.goto(f"{many_hits}?hits-open=1")
    assert overflowing(page) == []
    assert page.locator("pre").first.evaluate("pre => pre.scrollWidth > pre.clientWidth")
    first, second = (page.locator("#table-hits tr.hit").nth(number).bounding_box() for number in (0, 1))
    assert first
    assert second
    assert first["height"] > 100
    assert first["width"] == second["width"] <= 390
    value = page.locator("#table-hits tr.hit [data-head='E-value']").first
    assert value.evaluate("td => getComputedStyle(td, '::before').content") != "none"
    bar = page.locator("#table-hits .coverage").first.bounding_box()
    assert bar
    assert bar["width"] == first["width"]
    assert broken_words(page) == []
    page.set_viewport_size({"width": 1100, "height": 800})
    assert overflowing(page) == []
    assert broken_words(page) == []
    page.close()


def overflowing(page: Page) -> list[str]:
    """The elements of a page, but alignments, whose content is wider than they are, or that are not on the page."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll('body, main, #job, #job *:not(svg *, .visually-hidden)')]
            .filter(one => one.checkVisibility() && !one.closest('pre') && !one.closest('thead, .visually-hidden'))
            .filter(one => getComputedStyle(one).display != 'inline' && one.clientWidth > 0 && one.tagName != 'svg')
            .filter(one => one.scrollWidth > one.clientWidth + 1
                || one.getBoundingClientRect().right > document.documentElement.clientWidth)
            .map(one => one.outerHTML.slice(0, 80))"""
    )
    return found


def broken_words(page: Page) -> list[str]:
    """The words in the names of queries and targets that are on more than one line."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll('tr.hit th, th.query')].flatMap(name => {
            const walker = document.createTreeWalker(name, NodeFilter.SHOW_TEXT), broken = [];
            while (walker.nextNode())
                for (const word of walker.currentNode.data.matchAll(/\\w+/g)) {
                    const range = document.createRange();
                    range.setStart(walker.currentNode, word.index);
                    range.setEnd(walker.currentNode, word.index + word[0].length);
                    if (range.getClientRects().length > 1) broken.push(word[0]);
                }
            return broken;
        })"""
    )
    return found


def test_a_printed_result_is_complete_or_says_what_it_has(
    installation: Installation, many_hits: str, browser: Browser, tmp_path: Path
) -> None:
    """On paper of the usual size, nothing is cut off at the right edge, and the number of all hits is there."""
    page = browser.new_page(base_url=address(installation), viewport={"width": 718, "height": 1000})  # A4, with margins
    page.goto(f"{many_hits}?hits-open=1")
    page.emulate_media(media="print")
    assert overflowing(page) == []
    assert page.locator("pre").first.evaluate("pre => pre.scrollWidth <= pre.clientWidth")
    assert page.locator("tr.hit td:last-child").first.bounding_box()
    row = page.locator("tr:has(pre)").first  # may be longer than a page, and would leave the one before it empty
    assert row.evaluate("row => getComputedStyle(row).breakInside") == "auto"
    assert page.locator("tr.hit").first.evaluate("row => getComputedStyle(row).breakInside") == "avoid"
    assert page.locator("text=1 to 100 of 2,018 >> nth=0").is_visible()
    assert not page.locator("text=Next hits >> nth=0").is_visible()
    assert page.locator("#table-hits thead").is_visible()
    assert not page.locator("nav").is_visible()
    assert page.locator("dt:text-is('Versions') + dd").is_visible()  # without opening "How this job was run"
    assert not page.locator("text=Download all of this").is_visible()
    page.pdf(path=tmp_path / "result.pdf", format="A4")
    page.close()


def test_result_files_are_shown_and_their_scripts_do_not_run(installation: Installation, browser: Browser) -> None:
    """Figures have their size and fit the page; an SVG image runs no script, even if its address is opened."""
    page = browser.new_page(base_url=address(installation), viewport={"width": 800, "height": 800})
    page.goto("/tools/publish")
    page.click("button")
    page.wait_for_selector("text=Downloads")
    for name, natural in (("figure.svg", 200 / 100), ("figure.png", 3000 / 20), ("report.pdf", 99 / 49)):
        image = page.locator(f"img[alt='{name}']")
        wait_for(partial(image.evaluate, "image => image.complete && image.naturalWidth"))
        box = image.bounding_box()
        assert box
        assert 150 < box["width"] <= 800
        assert box["width"] / box["height"] == pytest.approx(natural, rel=0.1)
    job = page.url
    page.click("img[alt='figure.svg']")
    page.wait_for_selector("text=quiet")
    assert page.url == f"{job}/files/figure.svg?inline=1"
    assert page.locator("svg").get_attribute("data-ran") is None
    page.close()


@pytest.mark.parametrize("javascript", [True, False])
def test_a_table_is_shown_a_hundred_rows_at_a_time(
    installation: Installation, browser: Browser, javascript: bool
) -> None:
    """More rows load in place, or on the next page without JavaScript."""
    context = browser.new_context(java_script_enabled=javascript, base_url=address(installation))
    page = context.new_page()
    page.goto("/tools/publish")
    page.click("button")
    rows = page.locator("[id='table-hits.tsv'] > tbody > tr:not(:has(a))")
    for first, shown in ((0, 100), (0, 200), (0, 250)) if javascript else ((0, 100), (100, 100), (200, 50)):
        expect(rows.first).to_contain_text(f"<b>{first}</b>")
        expect(rows).to_have_count(shown)
        if shown % 100 == 0:
            page.click("text=Show the next rows")
            if javascript:  # the focus moves to the first new row
                wait_for(lambda: page.evaluate("document.activeElement.textContent.startsWith('<b>')"))
    assert rows.last.inner_text().split() == ["<b>249</b>", '5"']
    page.locator(".wide").first.evaluate("table => table.scrollTop = 500")
    frame, head = page.locator(".wide").first.bounding_box(), page.locator(".wide th").first.bounding_box()
    assert frame
    assert head
    assert 0 <= head["y"] - frame["y"] < 3  # the heads stay in view
    assert page.locator("text=Show the next rows").count() == 0
    page.go_back()
    expect(rows.first).to_contain_text("<b>100</b>")
    page.click("text=Show the first rows")
    expect(rows.first).to_contain_text("<b>0</b>")
    context.close()


def test_everything_works_without_javascript(installation: Installation, browser: Browser) -> None:
    """Pages that refresh themselves cover both tools, cancelling, running again and deleting."""
    context = browser.new_context(java_script_enabled=False, base_url=address(installation))
    page = context.new_page()
    page.goto("/tools/expensive_greet?example")
    page.fill("[name=total]", "5")
    page.click("button")
    job = page.url
    page.wait_for_selector("text=Greetings, Ada Lovelace!")
    assert page.url == job
    assert page.locator("meta[http-equiv]").count() == 0
    page.click("text=Edit and run again")
    page.fill("[name=total]", "1000")
    page.click("form button")
    page.wait_for_selector("text=You can close this page")
    page.wait_for_selector("text=of 1,000 steps")
    page.click("text=Cancel")
    page.wait_for_selector("text=Greetings, fallback!")
    job = page.url
    beside = page.locator(".actions", has_text="Edit and run again")
    assert "Delete" not in beside.inner_text()
    page.click("text=Delete now")
    page.click("text=Keep it")
    assert page.url == job
    page.click("text=Delete now")
    page.click("text=Delete this job")
    page.wait_for_selector("text=The job has been deleted")
    page.goto("/tools/phmmer")
    page.fill("[name=query]", ">a\nMKV1")
    page.click("button")
    assert "'1' is not an amino acid" in page.inner_text(".problems")
    assert page.input_value("[name=query]") == ">a\nMKV1"
    page.click("text=Load example")
    page.click("button")
    page.wait_for_selector("text=11 hits for 3 queries")
    page.click("text=Show 3 alignments")
    page.locator("pre").first.wait_for()
    page.click("text=Downloads (9 files)")
    with page.expect_download():
        page.click("text=domains.tbl")
    context.close()


def test_too_large_an_upload_shows_the_form_again(installation: Installation, browser: Browser, tmp_path: Path) -> None:
    """The browser does not report a broken connection, and what else was entered stays."""
    page = browser.new_page()
    (tmp_path / "large.fa").write_bytes(b">a\n" + b"MKVLAWTRH\n" * 3_000_000)
    page.goto(address(installation, "/tools/phmmer"))
    page.fill("[name=evalue]", "0.5")
    page.set_input_files("[name=query][type=file]", tmp_path / "large.fa")
    page.click("button")
    page.wait_for_selector("text=The file has more than")
    assert page.input_value("[name=evalue]") == "0.5"
    page.close()


def test_over_http_the_sites_own_forms_work_and_cross_site_forms_are_refused(
    installation: Installation, browser: Browser
) -> None:
    """Browsers send no Sec-Fetch-Site over http, so Origin decides, even on the page of a job."""
    site = f"http://greeter.test:{installation.settings.web_port}"
    page = browser.new_page()
    sent: list[dict[str, str]] = []
    page.on("request", lambda request: sent.append(request.all_headers()) if request.method == "POST" else None)
    page.goto(site + "/tools/expensive_greet?example")
    page.fill("[name=total]", "1000")
    again = ("Greet", "Cancel", "Edit and run again", "Greet", "Cancel", "Run again", "Cancel")
    for button in (*again, "Delete now", "Delete this job"):
        page.click(f":is(a, button):text-is('{button}')")
    page.wait_for_selector("text=The job has been deleted")
    assert [headers.get("origin") for headers in sent] == [site] * 7
    assert not any("sec-fetch-site" in headers for headers in sent)
    trap = f'<form method="post" action="{site}/tools/expensive_greet"><button>Win</button></form>'
    page.route("http://other.test/", lambda route: route.fulfill(body=trap, content_type="text/html"))
    page.goto("http://other.test/")
    page.click("text=Win")
    page.wait_for_selector("text=This request did not come from a page of this site")
    page.close()


def test_figures_and_colour_fields_have_a_usable_size(browser: Browser) -> None:
    """An SVG image without a size keeps its shape and fits on the screen; a field for a colour shows it."""
    figure = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 60 100'/>"
    page = browser.new_page(viewport={"width": 1100, "height": 800})
    page.set_content(f'<main><section id="job"><img src="{figure}"></section><input type="color"></main>')
    page.add_style_tag(path=ROOT / "static/style.css")
    size = page.locator("img").bounding_box()
    assert size
    assert size["height"] <= 700
    assert size["width"] / size["height"] == pytest.approx(0.6, rel=0.01)
    colour = page.locator("input").bounding_box()
    assert colour
    assert colour["height"] >= 24
    page.close()


@pytest.mark.parametrize("number", [1, 2, 3, 20])
def test_the_cards_of_the_front_page_leave_no_gap(browser: Browser, number: int) -> None:
    """The last row is as wide as the others, however many tools there are, and a long word stays in its card."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    card = f"<li><h2><a href='/'>{'long' * 30}</a></h2><p>A tool.</p></li>"
    page.set_content(f"<main><ul class='cards'>{card * number}</ul></main>")
    page.add_style_tag(path=ROOT / "static/style.css")
    for width, columns in ((1600, 2), (1280, 2), (390, 1)):
        page.set_viewport_size({"width": width, "height": 800})
        around, first, last = (page.locator(one).bounding_box() for one in ("ul", "li:first-child", "li:last-child"))
        assert around
        assert first
        assert last
        assert last["x"] + last["width"] == pytest.approx(around["x"] + around["width"])
        assert first["width"] < around["width"] / columns + 1 or number == 1
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()
