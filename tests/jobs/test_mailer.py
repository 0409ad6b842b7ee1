"""Mails about the ends of jobs, with a real Redis and a real mail server."""

from __future__ import annotations

import logging
import os
import ssl
import subprocess
import sys
from contextlib import suppress
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

import pytest

from greeter.jobs.mail.mail_server import deliver
from greeter.jobs.mail.mailer import Mailer
from greeter.jobs.mail.mails import MailState
from greeter.jobs.records.scripts import texts
from greeter.jobs.runner import Runner
from greeter.jobs.submission import Submission
from greeter.smtp_url import SmtpUrl
from tests.conftest import ROOT, Installation, wait_for
from tests.mail import MailServer, only, tls
from tests.servers import issue, make_authority, use

pytestmark = pytest.mark.redis

_SEND = """
from greeter.jobs.mail.mailer import Mailer
from greeter.jobs.records.store import Store
from greeter.settings_loader import load_settings
settings = load_settings()
Mailer(Store(settings), settings).send_all()
"""
PAGE = "https://lab.example/tools/jobs/{}"
ME = Runner("worker", 1)


@pytest.fixture
def site(with_redis: Installation, mail_server: MailServer) -> Installation:
    """A site with Redis and a mail server, and without a worker."""
    use(with_redis, smtp_url=mail_server.url, mail_from="robot@lab.example", contact="ada@lab.example", site_name="Läb")
    return with_redis


def running(site: Installation, address: str = "bob@example.org") -> str:
    """Start a job whose user wants a mail."""
    job = site.submit("nap")
    site.store.runs.claim(job, ME, {})
    assert site.store.mails.ask(job, address, PAGE.format(job), "client") == "asked"
    return job


def end(site: Installation, job: str, state: str = "SUCCESS", **fields: Any) -> str:
    """End a job."""
    assert site.store.runs.update(job, ME, state, {"result": "{}", **fields})
    return job


def send(site: Installation) -> None:
    """Send the mails that are due, and those that wait for another attempt."""
    waiting: Any = site.redis.zrange("mails", 0, -1)
    for job in texts(waiting):
        site.redis.zadd("mails", {job: 0})
    Mailer(site.store, site.settings).send_all()


def state_of(site: Installation, job: str) -> str:
    """What became of the mail about a job."""
    return site.store.find(job).mail


def is_forgotten(site: Installation, job: str) -> bool:
    """Whether nothing is left of an address but counters with hashes."""
    everything = b""
    for key in site.redis.scan_iter():
        with suppress(Exception):
            everything += key + (site.redis.dump(key) or b"")
    return (
        not site.redis.exists(f"mail:{job}") and site.redis.zscore("mails", job) is None and b"bob@" not in everything
    )


@pytest.mark.parametrize(
    ("state", "fields", "words"),
    [
        ("SUCCESS", {}, "has finished"),
        ("SUCCESS", {"partial": 1}, "was stopped at its time limit"),
        ("FAILURE", {}, "has failed"),
        ("REVOKED", {}, "was cancelled"),
    ],
)
def test_each_end_is_mailed_once(
    site: Installation, mail_server: MailServer, state: str, fields: dict[str, Any], words: str
) -> None:
    """The mail has the state, the site and the address of the page. Before the end, there is none."""
    job = running(site)
    send(site)
    assert (mail_server.received, state_of(site, job)) == ([], MailState.ASKED)
    end(site, job, state, **fields)
    send(site)
    send(site)
    (mail,), (envelope,) = mail_server.received, mail_server.envelopes
    assert (envelope.mail_from, envelope.rcpt_tos) == ("robot@lab.example", ["bob@example.org"])
    assert (mail["Subject"], mail["From"], mail["To"]) == (
        f"Your job {words} - Läb",
        "Läb <robot@lab.example>",
        "bob@example.org",
    )
    assert mail["Auto-Submitted"] == "auto-generated"
    text = mail.get_content()
    assert f"Your job at Läb {words}." in text
    assert PAGE.format(job) in text.split()
    assert "ada@lab.example" in text
    assert state_of(site, job) == MailState.SENT
    assert is_forgotten(site, job)


def test_the_mail_says_nothing_that_a_user_chose(site: Installation, mail_server: MailServer) -> None:
    """Nobody can send a text of theirs to another person with it."""
    site.store.create("a" * 32, "nap", {"text": "Buy it"}, Submission(label="Buy pills"))
    site.store.runs.claim("a" * 32, ME, {})
    site.store.mails.ask("a" * 32, "bob@example.org", PAGE.format("a" * 32), "client")
    end(site, "a" * 32)
    send(site)
    assert "Buy" not in mail_server.received[0].as_string()


def test_a_server_that_is_down_gets_the_mail_later(site: Installation, mail_server: MailServer) -> None:
    """Including one that refuses for now, or refuses the sender, which is for the operator to correct."""
    job = end(site, running(site))
    mail_server.stop()
    send(site)
    assert state_of(site, job) == MailState.DELAYED
    mail_server.start()
    for command, answer in (("MAIL", "550 Who?"), ("RCPT", "451 Later"), ("DATA", "452 Full"), ("TEXT", "451 Later")):
        mail_server.answers = {command: answer}
        send(site)
        assert state_of(site, job) == MailState.DELAYED
    mail_server.answers = {}
    send(site)
    assert (mail_server.recipients, state_of(site, job)) == (["bob@example.org"], MailState.SENT)


def test_attempts_become_rare_and_end_after_a_day(site: Installation, mail_server: MailServer) -> None:
    """The first pauses are short, the longest an hour. The address is deleted after the last attempt."""
    job = end(site, running(site))
    mail_server.stop()
    pauses = [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, *[3600] * 22]
    for pause in pauses:
        before = site.redis.time()[0]
        send(site)
        next_attempt = site.redis.zscore("mails", job)
        assert next_attempt
        assert before + pause <= next_attempt <= site.redis.time()[0] + 1 + pause
    assert sum(pauses) == pytest.approx(86_400, rel=0.05)
    send(site)
    assert state_of(site, job) == MailState.FAILED
    assert is_forgotten(site, job)


@pytest.mark.parametrize(
    ("command", "state"), [("RCPT", MailState.REFUSED), ("DATA", MailState.FAILED), ("TEXT", MailState.FAILED)]
)
def test_a_refused_mail_is_not_sent_again(
    site: Installation, mail_server: MailServer, command: str, state: MailState
) -> None:
    """Whether the server refuses the address or the mail, that is the end."""
    job = end(site, running(site))
    mail_server.answers = {command: "550 bob@example.org: no"}
    send(site)
    send(site)
    assert (state_of(site, job), mail_server.tries[command]) == (state, 1)
    assert is_forgotten(site, job)


@pytest.mark.parametrize("answer", ["", "OK"])  # lost, or not a status
def test_without_an_answer_the_outcome_is_unknown(site: Installation, mail_server: MailServer, answer: str) -> None:
    """The mail may have been accepted, so it is not sent again."""
    job = end(site, running(site))
    mail_server.loses_answers = not answer
    mail_server.answers = {"TEXT": answer} if answer else {}
    send(site)
    send(site)
    assert (mail_server.tries["TEXT"], state_of(site, job)) == (1, MailState.UNKNOWN)
    assert is_forgotten(site, job)


@pytest.mark.parametrize(
    ("step", "state"),
    [
        ("MAIL", MailState.SENT),
        ("RCPT", MailState.SENT),
        ("DATA", MailState.SENT),
        ("TEXT", MailState.UNKNOWN),  # it was sent, but the answer did not arrive
    ],
)
def test_one_mail_arrives_wherever_its_process_is_killed(
    site: Installation, mail_server: MailServer, step: str, state: MailState
) -> None:
    """While the server delays its answer to a command, or to the text of the mail."""
    job = end(site, running(site))
    mail_server.delayed = step
    process = subprocess.Popen([sys.executable, "-c", _SEND], cwd=ROOT, env=os.environ | site.environ)
    wait_for(lambda: mail_server.tries[step])
    process.kill()
    process.wait()
    mail_server.delayed = ""
    wait_for(lambda: not mail_server.connections)
    send(site)
    assert (mail_server.recipients, state_of(site, job)) == (["bob@example.org"], state)
    assert is_forgotten(site, job)


def test_no_part_of_a_mail_arrives_that_another_process_sends(mail_server: MailServer) -> None:
    """Without its last line, the server drops the text. A line that starts with a dot does not end it."""
    url = SmtpUrl.parse(mail_server.url)
    message = EmailMessage(SMTP)
    message["From"], message["To"] = "robot@lab.example", "bob@example.org"
    message.set_content("one\n.\n..two\n")
    assert deliver(url, message, lambda: False) is None
    wait_for(lambda: mail_server.cut_off == {"bob@example.org"})
    assert mail_server.received == []
    assert deliver(url, message, lambda: True) == MailState.SENT
    assert mail_server.received[0].get_content().splitlines() == ["one", ".", "..two"]


def test_a_process_that_is_lost_before_it_sends_is_replaced(site: Installation, mail_server: MailServer) -> None:
    """Another one sends the mail after a while; the first one, if it was only slow, does not."""
    job = end(site, running(site))
    slow = site.store.mails.take("slow")
    assert slow
    assert site.store.mails.take("too early") is None
    send(site)
    assert not site.store.mails.begin(slow)
    assert site.store.mails.settle(slow, MailState.DELAYED) is None
    assert (len(mail_server.received), state_of(site, job)) == (1, MailState.SENT)


def test_a_process_that_is_lost_while_it_sends_leaves_the_outcome_unknown(
    site: Installation, mail_server: MailServer
) -> None:
    """Nobody else sends the mail."""
    job = end(site, running(site))
    lost = site.store.mails.take("lost")
    assert lost
    assert site.store.mails.begin(lost)
    assert site.store.mails.begin(lost)  # a call whose reply was lost is repeated
    assert state_of(site, job) == MailState.SENDING
    send(site)
    assert (mail_server.received, state_of(site, job)) == ([], MailState.UNKNOWN)
    assert is_forgotten(site, job)


def test_a_process_that_knows_that_it_has_not_sent_tries_again(site: Installation, mail_server: MailServer) -> None:
    """The server refused for now after the process had started, or Redis did not answer whether it may start."""
    job = end(site, running(site))
    mail = site.store.mails.take("mine")
    assert mail
    assert site.store.mails.begin(mail)
    assert site.store.mails.settle(mail, MailState.DELAYED) == MailState.DELAYED
    assert not site.store.mails.begin(mail)
    send(site)
    assert (len(mail_server.received), state_of(site, job)) == (1, MailState.SENT)


def test_an_address_can_be_changed_and_removed(site: Installation, mail_server: MailServer) -> None:
    """It can be removed after the end too, while the email is delayed, but not while it is being sent."""
    changed, removed, late = (running(site) for _ in range(3))
    site.store.mails.ask(changed, "new@example.org", PAGE.format(changed), "client")
    site.store.mails.drop(removed)
    for job in (changed, removed, late):
        end(site, job)
    site.store.mails.drop(late)
    for job in (removed, late):
        assert state_of(site, job) == ""
        assert not site.redis.exists(f"mail:{job}")
    taken = site.store.mails.take("mine")
    assert taken
    assert site.store.mails.begin(taken)
    site.store.mails.drop(changed)
    assert state_of(site, changed) == MailState.SENDING
    assert site.store.mails.settle(taken, MailState.DELAYED)
    send(site)
    assert mail_server.recipients == ["new@example.org"]
    assert site.store.mails.ask(late, "new@example.org", "", "client") == "ended"


def test_the_address_is_deleted_with_the_job(site: Installation, mail_server: MailServer) -> None:
    """Even while it is taken; nothing is left of the record."""
    job = end(site, running(site))
    taken = site.store.mails.take("mine")
    assert taken
    site.store.delete(job)
    assert not site.store.mails.begin(taken)
    assert site.store.mails.settle(taken, MailState.SENT) is None
    send(site)
    assert mail_server.received == []
    assert is_forgotten(site, job)
    assert not site.redis.exists(f"job:{job}")


def test_mails_are_limited_for_one_address_and_one_client(with_redis: Installation) -> None:
    """Changing an address counts too, whatever its case, so that nobody can try many."""
    use(with_redis, mails_per_day=2)
    job, mails = with_redis.submit("nap"), with_redis.store.mails
    calls = [("a@x.org", "1"), ("A@x.org", "2"), ("a@x.org", "3"), ("b@x.org", "1"), ("c@x.org", "1"), ("c@x.org", "4")]
    assert [mails.ask(job, address, "", client) for address, client in calls] == [
        *("asked", "asked", "limit", "asked", "limit", "asked")
    ]
    counters = [key.decode() for key in with_redis.redis.scan_iter("mails:*")]
    assert len(counters) == 6
    assert all(0 < with_redis.redis.ttl(key) <= 86_400 for key in counters)


def test_a_clock_that_was_set_back_delays_no_mail(site: Installation, mail_server: MailServer) -> None:
    """A time of an attempt that is far in the future counts as now, and so does one that was set in the future."""
    job = end(site, running(site))
    site.redis.zincrby("mails", 2e9 + 86_400, job)
    Mailer(site.store, site.settings).send_all()
    assert len(mail_server.received) == 1

    end(site, running(site))
    taken = site.store.mails.take("a process that is lost")
    assert taken
    Mailer(site.store, site.settings).send_all()
    assert len(mail_server.received) == 1
    site.redis.zincrby("mails", 3000, taken.job_id)
    site.redis.hincrbyfloat(f"mail:{taken.job_id}", "since", 3000)
    Mailer(site.store, site.settings).send_all()
    assert len(mail_server.received) == 2


def test_no_address_is_logged(site: Installation, mail_server: MailServer, caplog: pytest.LogCaptureFixture) -> None:
    """Although a server quotes it when it refuses it."""
    caplog.set_level(logging.DEBUG)
    for answers in ({"RCPT": "550 bob@example.org: no"}, {"DATA": "451 bob@example.org: later"}, {}):
        end(site, running(site))
        mail_server.answers = answers
        send(site)
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("greeter")]
    assert "mail refused" in ours
    assert "the mail server refuses a mail with status 550" in ours
    assert [line for line in ours if "bob" in line] == []


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
def test_the_connection_is_encrypted_and_verified(
    with_redis: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    """The login is sent only to a server whose certificate is valid."""
    authority = make_authority(tmp_path, "authority")
    issue(authority, "localhost")
    context = tls(str(tmp_path / "authority-localhost.pem"))
    options: dict[str, Any] = {"authenticator": only("us:er", "pass@word")}
    if scheme == "smtps":
        server = MailServer(ssl_context=context, auth_require_tls=False, **options)
    else:
        server = MailServer(tls_context=context, require_starttls=True, auth_required=True, **options)
    use(with_redis, smtp_url=f"{scheme}://us%3Aer:pass%40word@localhost:{server.port}")
    job = end(with_redis, running(with_redis))
    with suppress(ssl.SSLCertVerificationError):  # aiosmtpd connects to itself, and does not trust our authority
        server.start()
    try:
        send(with_redis)
        assert state_of(with_redis, job) == MailState.DELAYED
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        send(with_redis)
        assert state_of(with_redis, job) == MailState.SENT
        assert len(server.received) == 1
    finally:
        server.stop()
