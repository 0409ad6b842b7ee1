"""The form for a mail about the end of a job, and what the page of the job says about it."""

from __future__ import annotations

import re
import time
from collections import Counter
from typing import Any

import pytest
from flask.testing import FlaskClient

from greeter import create_app
from greeter.jobs.mail.mails import MailState
from greeter.jobs.runner import Runner
from greeter.web.poll_cache import CACHE_SECONDS
from tests.conftest import Installation
from tests.servers import use

pytestmark = pytest.mark.redis

ME = Runner("worker", 1)


@pytest.fixture
def site(with_redis: Installation) -> Installation:
    """A site with Redis and the address of a mail server, which is not needed here."""
    use(with_redis, smtp_url="smtp://127.0.0.1:9", proxy_hops=1, submits_per_minute=1000, mails_per_day=20)
    return with_redis


@pytest.fixture
def visitor(site: Installation) -> FlaskClient:
    """A visitor of the site."""
    return create_app(site.settings).test_client()


def stored(site: Installation, job: str) -> dict[bytes, bytes]:
    """What is stored of a mail."""
    found: Any = site.redis.hgetall(f"mail:{job}")
    return dict(found)


def test_the_address_is_stored_changed_and_removed(site: Installation, visitor: FlaskClient) -> None:
    """With the address of the job's page as the visitor sees it. No page shows the mail address."""
    job = site.submit("nap")
    assert f'<a href="/jobs/{job}/mail">Email me when it is done</a>' in visitor.get(f"/jobs/{job}").text
    proxy = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "lab.example", "X-Forwarded-Prefix": "/tools"}
    for address in (" bob@example.org ", "Al.b+c@example.org"):
        answer = visitor.post(f"/jobs/{job}/mail", data={"address": address}, headers=proxy)
        assert (answer.status_code, answer.location) == (303, f"/tools/jobs/{job}")
        assert stored(site, job)[b"address"] == address.strip().encode()
    assert stored(site, job)[b"page"] == f"https://lab.example/tools/jobs/{job}".encode()
    shown = [visitor.get(f"/jobs/{job}{end}").text for end in ("", "/progress", "/mail", ".json")]
    assert "Change or remove the address" in shown[0]
    assert "Change or remove the address" in shown[1]
    assert [text for text in shown if "Al.b" in text] == []
    assert visitor.post(f"/jobs/{job}/mail", data={"address": "", "remove": "1"}).status_code == 303
    assert not stored(site, job)
    assert "Email me when it is done" in visitor.get(f"/jobs/{job}").text


@pytest.mark.parametrize(
    "address",
    [
        "",
        "bob",
        "bob@host",
        "bob@example.org, eve@example.org",
        "bob@example.org\r\nBcc: eve@example.org",
        "bob@example.org\nx",
        "Bob <bob@example.org>",
        '"b b"@example.org',
        ".b@example.org",
        "b..c@example.org",
        "b.@example.org",
        "b@ex_ample.org",
        "b@-example.org",
        "b@example.org.",
        "b\x00@example.org",
        "bö@example.org",
        "b@[127.0.0.1]",
        "b@" + "x" * 250 + ".org",
    ],
)
def test_an_invalid_address_is_refused_and_shown_again(site: Installation, visitor: FlaskClient, address: str) -> None:
    """So nothing can get into the head of a mail, and nothing that was typed is lost."""
    job = site.submit("nap")
    answer = visitor.post(f"/jobs/{job}/mail", data={"address": address})
    assert answer.status_code == 422
    assert "Enter one like ada@example.org." in answer.text
    if address.isprintable() and "<" not in address and '"' not in address:
        assert f'value="{address}"' in answer.text
    assert not stored(site, job)


def test_limits_are_shown_with_the_input(site: Installation, visitor: FlaskClient) -> None:
    """For one address, one visitor, and in one minute."""
    job = site.submit("nap")
    for number in range(20):
        visitor.post(f"/jobs/{job}/mail", data={"address": f"b{number}@example.org"})
    answer = visitor.post(f"/jobs/{job}/mail", data={"address": "new@example.org"})
    assert (answer.status_code, 'value="new@example.org"' in answer.text) == (429, True)
    assert answer.headers["Retry-After"] == "86400"
    assert "No more emails can be sent to this address or for your jobs today. Bookmark the page" in answer.text
    assert stored(site, job)[b"address"] == b"b19@example.org"


def test_an_outage_keeps_the_input(site: Installation, visitor: FlaskClient) -> None:
    """A full Redis does not store an address."""
    job = site.submit("nap")
    site.redis.config_set("maxmemory", 1)
    answer = visitor.post(f"/jobs/{job}/mail", data={"address": "new@example.org"})
    assert (answer.status_code, 'value="new@example.org"' in answer.text) == (503, True)
    assert "Wait a few seconds, then try again." in answer.text


def test_the_page_says_what_became_of_the_mail(site: Installation, visitor: FlaskClient) -> None:
    """After the end, each state has its own sentence; a failure has what to do next."""
    job = site.submit("nap")
    visitor.post(f"/jobs/{job}/mail", data={"address": "bob@example.org"})
    site.store.runs.claim(job, ME, {})
    site.store.runs.update(job, ME, "FAILURE", {"result": '{"exc_type": "X", "user_message": "No."}'})
    said = set()
    for state in MailState:
        site.redis.hset(f"job:{job}", "mail", state)
        page = visitor.get(f"/jobs/{job}").text
        (sentence,) = re.findall('<p id="mail"[^>]*>(.*)</p>', page)
        said.add(sentence)
        if state in (MailState.DELAYED, MailState.REFUSED, MailState.FAILED, MailState.UNKNOWN):
            assert 'id="mail" class="warning"' in page
            assert "ookmark this page" in sentence
    assert len(said) == len(MailState)


def test_a_delayed_mail_can_be_removed_after_the_end(site: Installation, visitor: FlaskClient) -> None:
    """An address cannot be added any more; the visitor gets to the page of the job."""
    job, other = site.submit("nap"), site.submit("nap")
    visitor.post(f"/jobs/{job}/mail", data={"address": "bob@example.org"})
    for ended in (job, other):
        site.store.cancel(ended)
    assert visitor.get(f"/jobs/{other}/mail").location == f"/jobs/{other}"
    assert visitor.post(f"/jobs/{other}/mail", data={"address": "bob@example.org"}).location == f"/jobs/{other}"
    assert not stored(site, other)
    assert "Remove the address" in visitor.get(f"/jobs/{job}/mail").text
    assert visitor.post(f"/jobs/{job}/mail", data={"remove": "1"}).status_code == 303
    assert not stored(site, job)
    assert 'id="mail"' not in visitor.get(f"/jobs/{job}").text


def test_without_a_mail_server_there_is_no_form(with_redis: Installation) -> None:
    """Nor a link to it."""
    visitor = create_app(with_redis.settings).test_client()
    job = with_redis.submit("nap")
    assert visitor.get(f"/jobs/{job}/mail").status_code == 404
    assert visitor.post(f"/jobs/{job}/mail", data={"address": "bob@example.org"}).status_code == 404
    assert "Email me" not in visitor.get(f"/jobs/{job}").text


def test_an_email_adds_no_redis_command_to_a_poll(site: Installation, visitor: FlaskClient) -> None:
    """A poll is one script with the same commands, whether the user wants a mail or not."""
    job = site.submit("nap")
    visitor.get(f"/jobs/{job}/progress")  # Redis loads the script
    costs = []
    for _ in range(2):
        time.sleep(CACHE_SECONDS)
        before = calls(site)
        visitor.get(f"/jobs/{job}/progress")
        costs.append(calls(site) - before)
        visitor.post(f"/jobs/{job}/mail", data={"address": "bob@example.org"})
    assert costs[0] == costs[1]
    assert costs[0]["evalsha"] == 1


def calls(site: Installation) -> Counter[str]:
    """How often Redis has run each command that reads a record."""
    statistics = site.redis.info("commandstats")
    names = ("evalsha", "hget", "hmget", "hgetall", "zrank", "zcount", "zscore")
    return Counter({name: statistics.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in names})
