"""What must be true after the last fault. Every check is made, whatever the others find."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from redis import RedisError

from greeter.jobs.errors import JobNotFound
from greeter.jobs.failures import DISK_FULL, LOST, TIME_LIMIT_REACHED
from greeter.jobs.params import paths_in
from greeter.jobs.record import Record
from greeter.jobs.records.runs import MAX_ATTEMPTS
from tests.conftest import Installation, wait_for
from tests.mail import MailServer

LONGEST_WAIT = 120  # seconds until the next job ends, after the last fault

LONGEST_MAIL = 240  # seconds until the last mail is sent, after attempts that failed, or its outcome counts as unknown

_SENT = "exactly one"
_CUT_OFF = "none, as its worker was lost before the last line"
_MOST_CUT_OFF = 0.005  # the share of such mails that is allowed
_END_IN_WORDS = {"finished": "has finished", "failed": "has failed", "cancelled": "was cancelled"}
_ENDS = ("finished", "failed", "cancelled")
# What tools may fail with: a killed guard looks like a program that failed, and what leaks may fail itself.
_OWN_FAILURES = {"outsource": "ProgramError", "exhaust": "OSError"}
_FILES = {"write_often": "now.txt", "outsource": "output.txt"}

Check = Callable[[], Iterable[str]]


def violations(checks: dict[str, Check]) -> list[str]:
    """Return what all checks find, and which of them could not be made."""
    found: list[str] = []
    for name, check in checks.items():
        try:
            for violation in check():
                found.append(f"{name}: {violation}")
        except (Exception, pytest.fail.Exception) as error:
            found.append(f"{name}: could not be checked: {error!r}")
    return found


def ended(site: Installation, jobs: Iterable[str]) -> dict[str, Record | None]:
    """Wait for the ends of jobs, and return their records, or None for a job without a record or an end."""
    with suppress(RedisError):  # then no record can be read
        wait_for_ends(site)
    records: dict[str, Record | None] = dict.fromkeys(jobs)
    for job in records:
        with suppress(JobNotFound, RedisError):
            record = site.store.find(job)
            records[job] = None if record.active else record
    return records


def wait_for_ends(site: Installation) -> None:
    """Wait until no job is active, or none has ended for a while. How long the queue takes depends on the machine."""
    ended, since = -1, time.monotonic()
    while any(site.redis.zcard(key) for key in ("queue:celery", "jobs:running")):
        if (now := site.redis.zcard("jobs:ended")) != ended:
            ended, since = now, time.monotonic()
        if time.monotonic() - since > LONGEST_WAIT:
            return
        time.sleep(0.5)


def check_load(accepted: list[str], least: int) -> Iterator[str]:
    """Enough jobs were accepted, each with an id of its own."""
    if len(accepted) <= least:
        yield f"only {len(accepted)} jobs were accepted"
    if len(set(accepted)) < len(accepted):
        yield "two jobs have the same id"


def check_ends(records: dict[str, Record | None]) -> Iterator[str]:
    """Each job ends once, not too often attempted, and most jobs finish."""
    for job, record in records.items():
        if record is None:
            yield f"{job} is lost or has not ended"
        elif record.phase not in _ENDS:
            yield f"{job} is {record.phase}"
        elif record.attempts > MAX_ATTEMPTS:
            yield f"{job} was attempted {record.attempts} times"
    phases = Counter(record.phase for record in records.values() if record)
    if phases["finished"] <= len(records) / 2:
        yield f"too few have finished: {phases}"


def check_failures(records: dict[str, Record | None]) -> Iterator[str]:
    """No job fails because of a leak, a lost folder, another version or anything else that is not its own."""
    for job, record in records.items():
        if record and record.phase == "failed" and not _may_fail(record):
            yield f"{job} ({record.tool}) failed after {record.attempts} attempts: {record.result}"


def _may_fail(record: Record) -> bool:
    if record.user_message == LOST:
        return record.attempts == MAX_ATTEMPTS
    expected = record.user_message in (DISK_FULL, TIME_LIMIT_REACHED)
    return expected or _OWN_FAILURES.get(record.tool) == record.result["exc_type"]


def check_files(site: Installation, records: dict[str, Record | None]) -> Iterator[str]:
    """The files of a finished job are where the web looks for them, whichever worker ran it."""
    for job, record in records.items():
        if record and record.phase == "finished" and record.tool in _FILES:
            names = [path.name for path in site.store.files.outputs(job, record.attempt)]
            if names != [_FILES[record.tool]]:
                yield f"{job} ({record.tool}) has the files {names}"


def check_inputs(site: Installation, records: dict[str, Record | None]) -> Iterator[str]:
    """Each attempt sees what was submitted, although all of them change their input, and so do its visitors."""
    for job, record in records.items():
        if record and record.tool == "edit":
            seen = [path.read_text() for path in paths_in(site.store.params(job).get("given"))]
            if record.phase == "finished":
                seen.append(record.result["given"])
            if changed := [text for text in seen if text.strip() != "as given"]:
                yield f"{job} has the inputs {changed}"


def check_attempts(diary: Path) -> Iterator[str]:
    """Once a process has started a job, no other process writes to its diary."""
    started: dict[str, str] = {}
    overlaps: defaultdict[str, set[str]] = defaultdict(set)
    for line in diary.read_text().splitlines():
        job, what, *_, process = line.split()
        if what == "start" or job not in started:
            started[job] = process
        if process != started[job]:
            overlaps[job] |= {process, started[job]}
    for job, processes in overlaps.items():
        yield f"{job} ran at once in processes {' and '.join(sorted(processes))}"


def check_mails(site: Installation, records: dict[str, Record | None], server: MailServer, least: int) -> Iterator[str]:
    """Exactly one mail was sent for each end, unless the mail server spoiled it, and the page says what happened."""
    with suppress(pytest.fail.Exception):
        wait_for(lambda: site.redis.zcard("mails") == 0, LONGEST_MAIL)
    fates = fates_of_mails([site.store.find(job) for job in records], server)
    print("mails:", {fate: len(jobs) for fate, jobs in fates.items()})
    for fate, jobs in fates.items():
        if fate.startswith("wrong"):
            yield f"{fate}: the mails about {', '.join(jobs)}"
    texts = {_job_of(mail["To"]): mail.get_content() for mail in server.received}
    for job, text in texts.items():
        record = site.store.find(job)
        if job not in text or _END_IN_WORDS[record.phase] not in text:
            yield f"the mail about {job}, which is {record.phase}, says {text}"
    for key in site.redis.scan_iter("mail:*"):
        yield f"{key!r} is left"
    if len(fates[_SENT]) <= least:
        yield f"only {len(fates[_SENT])} mails were sent"
    if len(fates[_CUT_OFF]) > max(1, _MOST_CUT_OFF * len(fates[_SENT])):
        yield f"{len(fates[_CUT_OFF])} ends have no mail, although the mail server spoiled none of them"


def fates_of_mails(records: Iterable[Record], server: MailServer) -> defaultdict[str, list[str]]:
    """Return which ends had which number of mails, and why. What must not happen starts with "wrong"."""
    received = Counter(map(_job_of, server.recipients))
    spoiled, cut_off = ({_job_of(one) for one in addresses} for addresses in (server.spoiled, server.cut_off))
    fates: defaultdict[str, list[str]] = defaultdict(list)
    for record in records:
        fate = f"wrong: {record.mail or 'not wanted'}, and sent {received[record.id]} times"
        if received[record.id] == 1 and record.mail in ("sent", "unknown"):
            fate = _SENT
        elif received[record.id] == 0 and not record.mail:
            fate = "none, as none was wanted"
        elif received[record.id] == 0 and record.mail in ("refused", "failed", "unknown") and record.id in spoiled:
            fate = f"none, as the mail server spoiled it ({record.mail})"
        elif received[record.id] == 0 and record.mail == "unknown" and record.id in cut_off:
            fate = _CUT_OFF
        fates[fate].append(record.id)
    return fates


def _job_of(address: str) -> str:
    """Return the id of the job for which a visitor entered an address."""
    return address.partition("-")[0]


def check_leftovers(site: Installation) -> Iterator[str]:
    """Neither a message nor an active job is left."""
    with suppress(pytest.fail.Exception):
        wait_for(lambda: site.redis.llen("celery") == 0, 60)
    if left := site.redis.llen("celery"):
        yield f"{left} messages"
    for key in ("queue:celery", "waiting:celery", "sent:celery", "jobs:running"):
        if left := site.redis.zcard(key):
            yield f"{left} jobs in {key}"
