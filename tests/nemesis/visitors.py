"""Visitors of a site under fault injection, and the histories of jobs as they saw them over HTTP."""

from __future__ import annotations

import json
import random
import threading
from collections import defaultdict
from contextlib import suppress
from functools import partial
from http.client import HTTPException

import pytest

from tests.conftest import Installation, wait_for
from tests.http import fetch, post

REFUSED = (429, 503)
TOOLS = [{"tool": "diary", "seconds": seconds} for seconds in ("0.3", "0.3", "0.5", "1.5", "1.5")]
TOOLS += [{"tool": "outsource", "seconds": "0.5"}, {"tool": "write_often", "seconds": "0.5"}] * 2
TOOLS += [{"tool": "edit", "seconds": "0.5", "given": "as given"}] * 2
TOOLS += [{"tool": "spoil", "what": what} for what in ("threads", "working directory", "umask", "limit")]
TOOLS += [{"tool": "leak", "seconds": seconds} for seconds in ("0.5", "1.5")] + [{"tool": "exhaust"}]


class Visitor(threading.Thread):
    """Submits jobs, cancels some of them, and watches those that were accepted.

    Args:
        site: The installation.
        seed: The seed of what it chooses at random.

    Attributes:
        accepted: The paths of the jobs that were answered with 303.
        histories: The phases of each job, in the order in which they were seen, without repetitions.
        errors: What no fault excuses.
        stopped: Set this to stop.
    """

    def __init__(self, site: Installation, seed: int) -> None:
        super().__init__(name=f"visitor {seed}")
        self._site, self._choose = site, random.Random(seed)
        self.accepted: list[str] = []
        self.histories: defaultdict[str, list[str]] = defaultdict(list)
        self.errors: list[str] = []
        self.stopped = threading.Event()

    def run(self) -> None:
        """Visit until stopped. A connection that breaks is excused, because the web is killed."""
        while not self.stopped.wait(0.3):
            try:
                with suppress(OSError, HTTPException):
                    self._submit()
                for job in {*self.accepted[-3:], *self._choose.sample(self.accepted, min(3, len(self.accepted)))}:
                    with suppress(OSError, HTTPException):
                        self._watch(job)
            except Exception as error:
                self.errors.append(f"{self.name}: {error!r}")

    def final_errors(self) -> list[str]:
        """Read the phases of all jobs for the last time, and return the errors, as no fault excuses them any more.

        A machine that stalls may be one, so ask again while the site refuses to answer.
        """
        self.errors = []
        for job in self.accepted:
            try:
                wait_for(partial(self._watch, job))
            except (OSError, HTTPException, pytest.fail.Exception) as error:
                self.errors.append(f"{job} is not shown: {error!r}")
        return self.errors

    def _submit(self) -> None:
        fields = dict(self._choose.choice(TOOLS))
        answer = post(self._site, f"/tools/{fields.pop('tool')}", **fields)
        if answer.status == 303:
            self.accepted.append(answer.headers["Location"])
            if self._site.settings.smtp_url:
                self._ask_for_mail(self.accepted[-1])
        elif answer.status not in REFUSED:
            self.errors.append(f"a submission got {answer.status}")
        if self.accepted and self._choose.random() < 0.05:
            post(self._site, self._choose.choice(self.accepted) + "/cancel")

    def _ask_for_mail(self, job: str) -> None:
        """Ask for a mail to an address of its own for each job, sometimes change it, and sometimes remove it."""
        for number in range(self._choose.choice([1, 1, 2])):
            address = f"{job.rpartition('/')[2]}-{number}@example.org"
            answer = post(self._site, f"{job}/mail", address=address)
            if answer.status not in (303, *REFUSED):
                self.errors.append(f"the form for a mail got {answer.status}")
        if self._choose.random() < 0.05:
            post(self._site, f"{job}/mail", remove="1")

    def _watch(self, job: str) -> bool:
        """Read the phase of a job, if the site answers. Once it has ended, the phase stays; a job is never unknown."""
        answer = fetch(self._site, f"{job}.json")
        if answer.status in REFUSED:
            return False
        seen = self.histories[job]
        phase = json.loads(answer.body)["phase"] if answer.status == 200 else f"status {answer.status}"
        if not seen or seen[-1] != phase:
            seen.append(phase)
        ended = [earlier for earlier in seen[:-1] if earlier not in ("waiting", "running")]
        if ended or phase.startswith("status"):
            self.errors.append(f"{job}: {seen}")
        return True
