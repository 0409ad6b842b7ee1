"""Tables of results in a browser: sorting, filtering and paging, with and without JavaScript, on a phone, on paper."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from pypdfium2 import PdfDocument

from tests.conftest import Installation
from tests.test_browser import address, broken_words, overflowing

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def proteins(installation: Installation) -> str:
    """The path of a job with a table of 250 rows."""
    job = installation.submit("tabulate", rows=250)
    installation.ended(job)
    return f"/jobs/{job}"


@contextmanager
def opened(browser: Browser, installation: Installation, path: str, javascript: bool = True) -> Iterator[Page]:
    """A page in a browser of its own."""
    context = browser.new_context(java_script_enabled=javascript, base_url=address(installation))
    page = context.new_page()
    page.goto(path)
    yield page
    context.close()


@pytest.mark.parametrize("javascript", [True, False])
def test_sorting_filtering_and_paging_have_addresses(
    installation: Installation, proteins: str, browser: Browser, javascript: bool
) -> None:
    """Each step can be bookmarked and has a place in the history; htmx replaces nothing but the table."""
    with opened(browser, installation, proteins, javascript) as page:
        rows = page.locator(".sortable tbody tr")
        if javascript:
            page.evaluate("document.querySelector('h2').dataset.kept = 'yes'")
        expect(page.locator(".matches")).to_have_text("250 rows")
        page.click("thead >> text=Score")
        expect(page.locator("th[aria-sort=ascending]")).to_have_text("Score")
        expect(rows.first).to_contain_text("protein</i> 0")
        page.click("thead >> text=Score")
        expect(page.locator("th[aria-sort=descending]")).to_have_text("Score")
        page.click("summary >> text=Filter")
        page.fill("[name=proteins-name]", "protein")
        page.fill("[name=proteins-evalue-max]", "1e-2")
        page.select_option("[name=proteins-family]", "globin")
        page.click("button >> text=Filter")
        expect(page.locator(".matches")).to_have_text("82 of 250 rows match")
        page.select_option("[name=proteins-family]", "")
        page.click("button >> text=Filter")
        expect(page.locator(".matches")).to_have_text("244 of 250 rows match")
        expect(page.locator(".pager").first).to_contain_text("1 to 100 of 244")
        page.locator(".pager >> text=Next rows").first.click()
        expect(page.locator(".pager").first).to_contain_text("101 to 200 of 244")
        if javascript:  # without it, a browser goes on from the table, which is in the address
            expect(page.locator(".pager").first).to_be_focused()
        place, first = page.url, rows.first.inner_text()
        assert "proteins-start=100" in place
        assert page.input_value("[name=proteins-evalue-max]") == "1e-2"
        page.locator(".pager >> text=Next rows").first.click()
        expect(rows).to_have_count(44)
        if javascript:
            assert page.get_attribute("h2", "data-kept") == "yes"
        page.go_back()
        expect(page.locator(".pager").first).to_contain_text("101 to 200 of 244")
        assert page.url == place
        page.goto(place)
        assert rows.first.inner_text() == first
        page.locator(".pager >> text=Previous rows").first.click()
        expect(page.locator(".pager").first).to_contain_text("1 to 100 of 244")
        with page.expect_download() as download:
            page.click("text=these rows in this order")
        assert len(Path(download.value.path()).read_text().splitlines()) == 245
        page.click("text=Clear")
        expect(page.locator(".matches")).to_have_text("250 rows")
        page.click("summary >> text=Filter")
        page.fill("[name=proteins-score-min]", "many")
        page.click("button >> text=Filter")
        expect(page.locator(".filters .problem")).to_contain_text("'many' is not a number")
        assert page.input_value("[name=proteins-score-min]") == "many"
        form, wrong = (page.locator(f".filters {one}").bounding_box() for one in ("form", ".wrong"))
        assert form
        assert wrong
        assert wrong["width"] == form["width"]  # it does not push the others out of line


@pytest.mark.parametrize("javascript", [True, False])
def test_two_tables_share_an_address(installation: Installation, browser: Browser, javascript: bool) -> None:
    """What one shows stays while the other is sorted, filtered or opened, and when the page is loaded again."""
    with opened(browser, installation, "/jobs/sample-phmmer", javascript) as page:
        queries, hits = page.locator("#table-queries"), page.locator("#table-hits")
        queries.locator("thead >> text=Residues").click()
        expect(queries.locator("th[aria-sort=ascending]")).to_have_text("Residues")
        hits.locator("thead >> text=Score").click()
        expect(hits.locator("th[aria-sort=ascending]")).to_have_text("Score")
        hits.locator("summary >> text=Filter").click()
        page.fill("[name=hits-identity-min]", "30")
        page.click("button >> text=Filter")
        expect(hits.locator(".matches")).to_contain_text("match")
        queries.locator("thead >> text=Residues").click()
        expect(queries.locator("th[aria-sort=descending]")).to_have_text("Residues")
        for again in (False, True):
            if again:
                page.reload()
            expect(queries.locator("[aria-sort]")).to_have_attribute("aria-sort", "descending")
            expect(hits.locator("[aria-sort]")).to_have_text("Score")
            assert page.input_value("[name=hits-identity-min]") == "30"
        hits.locator("text=Clear").click()
        expect(hits.locator(".matches")).not_to_contain_text("match")
        queries.locator("tbody a").first.click()
        expect(hits.locator(".matches")).to_contain_text("match")
        expect(queries.locator("[aria-sort]")).to_have_attribute("aria-sort", "descending")


def test_the_keyboard_sorts_and_keeps_its_place(installation: Installation, proteins: str, browser: Browser) -> None:
    """After htmx has replaced the table, the focus is on the head that was pressed, and the heads stay in view."""
    with opened(browser, installation, proteins) as page:
        page.focus("thead >> text=Family")
        page.keyboard.press("Enter")
        ready = page.locator("th[aria-sort=ascending] a[data-htmx-powered]")  # before that, Enter would load a page
        expect(ready).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("th[aria-sort=descending] a")).to_be_focused()
        page.locator(".sortable tbody tr").nth(50).scroll_into_view_if_needed()
        head = page.locator("thead th").first.bounding_box()
        assert head
        assert -1 < head["y"] < 5


def test_rows_are_cards_on_a_phone_and_whole_on_paper(
    installation: Installation, proteins: str, browser: Browser
) -> None:
    """Nothing is cut off; a phone can sort, and paper says which of the rows it has."""
    with opened(browser, installation, f"{proteins}?proteins-sort=score&proteins-evalue-max=1") as page:
        page.set_viewport_size({"width": 390, "height": 800})
        assert overflowing(page) == []
        assert broken_words(page) == []
        card = page.locator(".sortable tbody tr").first
        box = card.bounding_box()
        assert box
        assert box["height"] > 60
        assert box["width"] <= 390
        score = card.locator("[data-head=Score]")
        assert score.evaluate("cell => getComputedStyle(cell, '::before').content") in ('"Score" " "', '"Score "')
        assert page.locator("thead >> text=E-value").is_visible()
        page.set_viewport_size({"width": 718, "height": 1000})
        page.emulate_media(media="print")
        assert overflowing(page) == []
        assert page.locator("thead").is_visible()
        assert page.locator(".pager").first.is_visible()
        assert page.locator(".pager").last.is_hidden()
        assert page.locator(".filters").is_hidden()


def test_a_printed_alignment_begins_on_the_first_page(installation: Installation, browser: Browser) -> None:
    """It needs two pages, and would leave the first one empty if it were kept together."""
    with opened(browser, installation, "/jobs/sample-mafft") as page, PdfDocument(page.pdf(format="A4")) as document:
        texts = [one.get_textpage().get_text_range() for one in document]
    assert "MYG_ESCGI" in texts[0]
    assert "HBB2_TRICR" in texts[1]


@pytest.mark.parametrize("path", ["/jobs/sample-phmmer?hits-open=2", "/jobs/sample-mafft"])
def test_alignments_are_legible_in_forced_colours(installation: Installation, browser: Browser, path: str) -> None:
    """Classes of residues have colours of their own only where the user has not chosen other ones."""
    colours = "residues => new Set(residues.map(one => getComputedStyle(one).color)).size"
    with opened(browser, installation, path) as page:
        residues = page.locator(".alignment i")
        assert residues.evaluate_all(colours) == 6
        page.emulate_media(forced_colors="active")
        assert residues.evaluate_all(colours) == 1
        page.goto("/jobs/sample-phmmer")
        bar = page.locator(".coverage rect:not(.query)").first
        assert bar.evaluate("bar => getComputedStyle(bar).fill") != bar.evaluate(
            "bar => getComputedStyle(document.body).backgroundColor"
        )
