"""Every state of every page, and how to reach it."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from playwright.sync_api import Page

from greeter.jobs.errors import QueueFull
from greeter.jobs.runner import Runner
from tests.conftest import ROOT, Installation

Arrival = Callable[[Page, Installation], object]
GLOBINS = (ROOT / "static/examples/globins45.fa").read_text()


def _go(path: str) -> Arrival:
    """Open a page."""
    return lambda page, installation: page.goto(path)


def _job(tool: str, sign: str, **entered: str) -> Arrival:
    """Return a function that submits the example of a tool, and waits on the job's page for a selector of Playwright.

    What is entered replaces values of the example.
    """

    def arrive(page: Page, installation: Installation) -> None:
        page.goto(f"/tools/{tool}?example")
        for name, value in entered.items():
            page.fill(f"[name={name}]", value)
        page.click("form button")
        page.wait_for_selector(sign)

    return arrive


def _then(arrive: Arrival, click: str, sign: str) -> Arrival:
    """Reach a state, click, and wait for an element or text."""

    def go_on(page: Page, installation: Installation) -> None:
        arrive(page, installation)
        page.click(click)
        page.wait_for_selector(sign)

    return go_on


def _wrong_input(page: Page, installation: Installation) -> None:
    page.goto("/tools/phmmer")
    page.fill("[name=query]", ">one\nMK1")
    page.fill("[name=evalue]", "1e9")
    page.evaluate("document.querySelector('form').noValidate = true")
    page.click("form button")
    page.wait_for_selector("text=Nothing has been submitted yet")


def _upload(query: str, sign: str) -> Arrival:
    """Submit a file of proteins to phmmer, with the example's targets."""

    def arrive(page: Page, installation: Installation) -> None:
        file = Path(installation.settings.data_dir, "query.fa")
        file.write_text(query)
        page.goto("/tools/phmmer?example")
        page.set_input_files("[name=query][type=file]", file)
        page.fill("[name=label]", "globins of all kinds")
        page.click("form button")
        page.wait_for_selector(sign)

    return arrive


def _kept(page: Page, installation: Installation) -> None:
    _upload(_many, "text=to go")(page, installation)
    page.click("text=Cancel")
    page.click("text=Edit and run again")
    page.wait_for_selector("text=1,800 sequences, kept")


def _ask(page: Page, installation: Installation) -> None:
    _mail(page, installation)
    page.fill("#address", "ada@example.org")
    page.click("form button")
    page.wait_for_selector("text=Change or remove the address")


def _wrong_address(page: Page, installation: Installation) -> None:
    _mail(page, installation)
    page.fill("#address", "ada@example")
    page.click("form button")
    page.wait_for_selector("text=This is not an email address")


def _too_many_fields(page: Page, installation: Installation) -> None:
    page.goto("/tools/phmmer?example")
    page.evaluate(
        "document.querySelector('form').append(...Array.from({length: 100}, () => "
        "Object.assign(document.createElement('input'), {name: 'x'})))"
    )
    page.click("form button")
    page.wait_for_selector("text=This submission is too large")


def _every_field_is_wrong(page: Page, installation: Installation) -> None:
    page.goto("/tools/report?example")
    page.evaluate("document.querySelector('form').noValidate = true")
    page.evaluate("document.querySelectorAll('select, [type=radio]').forEach(field => field.name = 'x')")
    page.fill("[name=whole]", "101")
    page.fill("[name=reads]", "@r")
    page.set_input_files("[name=table]", {"name": "my.xls", "mimeType": "text/plain", "buffer": b"x"})
    page.click("form button")
    page.wait_for_selector("text=Nothing has been submitted yet")


def _removed(page: Page, installation: Installation) -> None:
    _long(page, installation)
    job_id = page.url.rpartition("/")[2]
    installation.store.cancel(job_id)
    installation.ended(job_id)
    installation.store.delete(job_id)
    page.goto(page.url)


_long = _job("expensive_greet", "text=of 1,000 steps", total="1000", label="a long one")
_hits = _job("phmmer", "text=11 hits for 3 queries", label="my proteins")
_many = "".join(f">copy{number}_{record}" for number in range(40) for record in GLOBINS.split(">")[1:])
_short = _job("expensive_greet", "text=Greetings, Ada", total="1")
_mail = _then(_long, "text=Email me when it is done", "#address")
_delete = _then(_short, "text=Delete now", "text=This cannot be undone")

WITH_WORKER: dict[str, Arrival] = {
    "front": _go("/"),
    "help": _then(_go("/help"), "summary >> nth=0", "pre"),
    "api": _go("/api"),
    "form": _go("/tools/phmmer"),
    "form-example": _go("/tools/phmmer?example"),
    "form-greeting": _go("/tools/expensive_greet"),
    "form-every-field": _go("/tools/report?example"),
    "form-kept": _kept,
    "form-unavailable": _go("/tools/needy"),
    "422": _wrong_input,
    "422-every-field": _every_field_is_wrong,
    "running": _long,
    "running-search": _upload(_many, "text=to go"),
    "running-without-total": _job("nap", "text=running for"),
    "running-stage": _then(_job("climb", "text=Reading, stage 1 of 2; 3 of 10"), "summary", "pre"),
    "finished-greeting": _short,
    "finished-phmmer": _hits,
    "finished-opened": _then(
        _then(_hits, "text=Show alignment >> nth=0", "pre.alignment"), "text=How this job was run", "text=SHA-256"
    ),
    "finished-no-hits": _job("phmmer", "text=0 hits", evalue="1e-300"),
    "finished-files": _then(_job("publish", "text=Downloads ("), "text=Downloads (", "text=All files"),
    "finished-table": _then(_job("tabulate", "text=250 rows"), "summary >> text=Filter", "text=Score at least"),
    "finished-many": _job("phmmer", "text=Next hits", query=GLOBINS, targets=""),
    "stopped": _job("yield_some", "text=Stopped at the time limit"),
    "cancelled": _then(_long, "text=Cancel", "text=Greetings, fallback!"),
    "cancelled-without-result": _then(_job("nap", "text=running for"), "text=Cancel", "text=has no result"),
    "failed": _job("blame", "text=Try another one"),
    "failed-program": _job("run_script", "text=failed with exit status 3"),
    "failed-bug": _job("stumble", "text=with the reference"),
    "mail": _mail,
    "422-mail": _wrong_address,
    "mail-asked": _ask,
    "delete": _delete,
    "deleted": _then(_delete, "text=Delete this job", "text=has been deleted"),
    "edit": _go("/jobs/sample-phmmer/edit"),
    "sample": _go("/jobs/sample-phmmer"),
    "sample-mafft": _then(_go("/jobs/sample-mafft"), "text=How this job was run", "text=exit status 0"),
    "404": _go("/nowhere"),
    "404-removed": _removed,
    "405": _go("/jobs/" + "0" * 32 + "/cancel"),
    "413": _too_many_fields,
    "413-file": _upload(">a\n" + "MKVLAWTRH\n" * 1_200_000, "text=The file has more than"),
    "500": _go("/bug"),
}


def _waiting(page: Page, installation: Installation) -> None:
    installation.store.upkeep.worker_heartbeat("another", ["celery"], [], [])
    installation.submit("nap")
    _job("expensive_greet", "text=ahead of you")(page, installation)


def _stale(page: Page, installation: Installation) -> None:
    job_id = installation.submit("nap")
    installation.store.runs.claim(job_id, Runner("another", 1), {})
    installation.redis.zincrby("jobs:running", -100, job_id)
    page.goto(f"/jobs/{job_id}")
    page.wait_for_selector("text=has not responded")


def _refused(page: Page, installation: Installation) -> None:
    page.goto("/tools/expensive_greet?example")
    page.click("form button")
    page.wait_for_selector(".problems")


def _busy(page: Page, installation: Installation) -> None:
    for _ in range(installation.settings.max_active):
        _job("expensive_greet", "text=ahead of you")(page, installation)
    _refused(page, installation)


def _full(page: Page, installation: Installation) -> None:
    with suppress(QueueFull):
        while True:
            installation.submit("nap")
    _refused(page, installation)


def _without_redis(then: Arrival) -> Arrival:
    def arrive(page: Page, installation: Installation) -> None:
        installation.signal("redis", signal.SIGSTOP)
        try:
            then(page, installation)
        finally:
            installation.signal("redis", signal.SIGCONT)

    return arrive


# For an installation without a worker and with small limits.
WITHOUT_WORKER: dict[str, Arrival] = {
    "waiting-no-worker": _job("expensive_greet", "text=No worker for this job"),
    "waiting": _waiting,
    "running-stale": _stale,
    "429": _busy,
    "503-full": _full,
    "503-form": _without_redis(_refused),
    "503": _without_redis(_go("/jobs/" + "0" * 32)),
}

# For an installation without the tools of the tests.
PLAIN: dict[str, Arrival] = {"front-few": _go("/")}
