"""Mails about the ends of jobs, from the form in a browser to a real mail server, with a worker and Flower."""

from __future__ import annotations

from base64 import b64encode
from contextlib import closing
from dataclasses import replace
from functools import partial
from http.client import HTTPConnection

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from greeter.jobs.mail.mails import MailState
from tests.conftest import PATIENCE, Installation, wait_for
from tests.http import fetch, post, submit, wait_for_end
from tests.mail import MailServer

pytestmark = [pytest.mark.slow, pytest.mark.unmeasured]

TOKEN = "a-token-of-the-operator"


@pytest.fixture
def site(own_installation: Installation, mail_server: MailServer) -> Installation:
    """A site that sends mails."""
    own_installation.settings = replace(own_installation.settings, smtp_url=mail_server.url, metrics_token=TOKEN)
    own_installation.start("redis", "worker", "web")
    return own_installation


def is_sent(site: Installation, job: str) -> bool:
    """Whether the mail about a job was sent."""
    return site.store.find(job.rpartition("/")[2]).mail == MailState.SENT


def enter(page: Page, address: str) -> None:
    """Follow the link to the form, type an address slowly, and submit it."""
    page.click("#mail >> a")
    page.locator("#address").press_sequentially(address, delay=150)  # longer than the page of a job stays the same
    assert page.input_value("#address") == address
    page.click("form >> button >> nth=0")
    page.wait_for_selector("text=Change or remove the address")


def test_a_mail_is_asked_for_and_sent(site: Installation, mail_server: MailServer, browser: Browser) -> None:
    """On a phone, without JavaScript too; nothing that is typed is lost, and nobody's address is shown."""
    base = f"http://127.0.0.1:{site.settings.web_port}"
    for javascript in (True, False):
        context = browser.new_context(
            java_script_enabled=javascript, base_url=base, viewport={"width": 390, "height": 800}
        )
        page = context.new_page()
        job = submit(site, "expensive_greet", person="Ada", total="1000")
        page.goto(job)
        page.click("text=Email me when it is done")
        assert page.locator("#address").get_attribute("type") == "email"
        if javascript:
            assert Axe().run(page).violations_count == 0
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.go_back()
        enter(page, "bob@wrong.example.org")
        enter(page, "bob@example.org")
        assert "bob" not in page.content()
        post(site, f"{job}/cancel")
        page.wait_for_selector("text=Cancelled")
        wait_for(partial(is_sent, site, job))
        page.reload()
        page.wait_for_selector("text=The email about this job was sent.")
        context.close()
    assert mail_server.recipients == ["bob@example.org"] * 2
    assert f"{base}{job}" in mail_server.received[1].get_content().split()


def test_an_address_is_shown_nowhere(site: Installation, mail_server: MailServer) -> None:
    """Neither a page, download, log line, metric nor Flower has it, before and after the mail is sent."""
    site.start("flower")
    wait_for(lambda: b"worker@test" in of_flower(site, "/workers"))  # it gets events
    job = submit(site, "expensive_greet", person="Ada", total="1000")
    post(site, f"{job}/mail", address="bob@example.org")
    shown = everything(site, job)
    post(site, f"{job}/cancel")
    wait_for_end(site, job)
    wait_for(lambda: fetch(site, job).body.count("The email about this job was sent."))
    shown += [*everything(site, job), fetch(site, f"{job}/job.zip").raw]
    site.stop("web", "worker", "flower")
    log = site.log.read_bytes()
    assert mail_server.recipients == ["bob@example.org"]
    assert b"mail sent" in log
    assert [text for text in (*shown, log) if b"bob" in text] == []
    assert not site.redis.exists(f"mail:{job.rpartition('/')[2]}")


def everything(site: Installation, job: str) -> list[bytes]:
    """What the site and Flower show of a job."""
    task = f"/task/{job.rpartition('/')[2]}"
    wait_for(lambda: b"expensive_greet" in of_flower(site, task))
    metrics = fetch(site, "/metrics", Authorization=f"Bearer {TOKEN}")
    assert metrics.status == 200
    pages = [fetch(site, job + end) for end in ("", "/progress", "/mail", ".json")]
    return [metrics.raw, of_flower(site, task), of_flower(site, "/tasks"), *(page.raw for page in pages)]


def of_flower(site: Installation, path: str) -> bytes:
    """Fetch a page of Flower."""
    login = f"Basic {b64encode(site.settings.flower_basic_auth.encode()).decode()}"
    connection = HTTPConnection("127.0.0.1", site.settings.flower_port, timeout=PATIENCE)
    connection.request("GET", path, headers={"Authorization": login})
    with closing(connection), connection.getresponse() as response:
        return response.read()
