"""Every state of every page is accessible, fits a phone, logs no error, and loads nothing from other hosts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, FloatRect, Page, ViewportSize

from greeter.jobs.errors import JobNotFound
from tests.conftest import Installation
from tests.states import PLAIN, WITH_WORKER, WITHOUT_WORKER

pytestmark = pytest.mark.slow
LOOK_FOR: dict[Literal["light", "dark"], dict[str, list[str]]] = {
    "light": {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]},
    "dark": {"runOnly": ["color-contrast"]},  # the only rule that depends on the colours
}
# All residues of a class have one colour, and thousands of them would take axe minutes.
LOOK_AT: dict[str, list[str]] = {"exclude": [".alignment i:nth-of-type(n+50)"]}
PHONE: ViewportSize = {"width": 320, "height": 640}
DESK: ViewportSize = {"width": 1100, "height": 800}
TOP: FloatRect = {"x": 0, "y": 0, "width": 1085, "height": 600}  # without the place for the scrollbar
GALLERY = {"front-few": "front", "form-example": "form", "running-search": "running", "finished-phmmer": "result"}


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation without a worker and with small limits."""
    with closing(Installation(tmp_path_factory.mktemp("idle"), max_waiting=6, max_active=2)) as mine:
        mine.more_environ["web"] = {"_REDIS_SECONDS": ""}  # Redis hangs in some states
        mine.start("redis", "web")
        yield mine


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation without the tools of the tests."""
    with closing(Installation(tmp_path_factory.mktemp("plain"))) as mine:
        mine.start("redis", "web-old")
        yield mine


def test_the_front_page_of_a_new_site_is_accessible(plain: Installation, browser: Browser) -> None:
    """It has the three tools that come with greeter."""
    visit(plain, browser, "front-few")


@pytest.mark.parametrize("state", WITH_WORKER)
def test_state_is_accessible(installation: Installation, browser: Browser, state: str) -> None:
    """A state with a running worker passes all checks of `visit`."""
    visit(installation, browser, state)


@pytest.mark.parametrize("state", WITHOUT_WORKER)
def test_state_without_a_worker_is_accessible(idle: Installation, browser: Browser, state: str) -> None:
    """A state without a worker passes all checks of `visit`; the order matters, as each state fills the queue."""
    visit(idle, browser, state)


def visit(installation: Installation, browser: Browser, state: str) -> None:
    """Reach a state and check it in light and dark mode, on a desktop and on a phone."""
    base = f"http://127.0.0.1:{installation.settings.web_port}"
    context = browser.new_context(base_url=base, viewport=DESK)
    page = context.new_page()
    hosts: set[str] = set()
    problems: list[str] = []
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text))
    (WITH_WORKER | WITHOUT_WORKER | PLAIN)[state](page, installation)
    for scheme, rules in LOOK_FOR.items():
        page.emulate_media(color_scheme=scheme)
        picture(page, state, scheme)
        found = Axe().run(page, context=LOOK_AT, options=rules).response["violations"]
        assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found] == []
    page.set_viewport_size(PHONE)
    picture(page, state, "phone")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    found = Axe().run(page, context=LOOK_AT, options=LOOK_FOR["light"]).response["violations"]
    assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found] == []
    expected = f"the server responded with a status of {state[:3]}" if state[:3].isdigit() else None
    assert [text for text in problems if not (expected and expected in text)] == []
    assert hosts == {urlsplit(base).netloc}
    assert context.cookies() == []
    with suppress(JobNotFound):  # a job that still runs would delay the next one
        installation.store.cancel(page.url.removesuffix("/mail").rpartition("/")[2])
    context.close()


def picture(page: Page, state: str, kind: str) -> None:
    """Save a screenshot in the folder that SCREENSHOTS names, if any, and those of the README in its folder gallery.

    In the gallery, a result begins with its tables. At the top of a page, their heads are where they belong.
    """
    if folder := os.environ.get("SCREENSHOTS"):
        page.evaluate("scrollTo(0, 0)")
        page.screenshot(path=Path(folder, f"{state}-{kind}.png"), full_page=True)
        if kind == "light" and state in GALLERY:
            y = page.evaluate("document.querySelector('.sortable')?.offsetTop ?? 12") - 12
            page.screenshot(path=Path(folder, "gallery", f"{GALLERY[state]}.png"), clip=TOP | {"y": y}, full_page=True)
