"""The emails that users want when their jobs have ended, in Redis.

An email is sent at most once: see docs/decisions/0008-mails-at-most-once.md.
"""

from enum import StrEnum
from typing import NamedTuple

from greeter.jobs.errors import JobNotFound
from greeter.jobs.records.scripts import Scripts, texts

LEASE = 90  # seconds a process may hold an email; must exceed the two server timeouts after `begin`
_LONGEST_DELAY = 3600  # seconds between two attempts
_MOST_ATTEMPTS = 33  # in about a day; counted, because a clock may jump


class MailState(StrEnum):
    """The state of an email."""

    ASKED = "asked"
    DELAYED = "delayed"  # it was not sent, and will be tried again
    SENDING = "sending"
    SENT = "sent"  # the mail server has accepted it
    REFUSED = "refused"  # the mail server does not accept this address
    FAILED = "failed"
    UNKNOWN = "unknown"  # the connection, or the process that sent it, was lost before the mail server answered


class AskOutcome(StrEnum):
    """What asking for an email did."""

    ASKED = "asked"
    ENDED = "ended"  # the job had ended before
    LIMIT = "limit"  # the address, or the client, has reached MAILS_PER_DAY


class Taken(NamedTuple):
    """An email that this process is to send."""

    job_id: str  # the job that it is about
    address: str  # the address to which it is sent
    page: str  # the address of the page of the job
    token: str  # proves that no other process has taken it over


class Mails:
    """The emails about the ends of jobs. Methods raise redis.RedisError when Redis is unavailable."""

    def __init__(self, scripts: Scripts, most_per_day: int) -> None:
        self._scripts, self._most_per_day = scripts, most_per_day

    def ask(self, job_id: str, address: str, page: str, client: str) -> AskOutcome:
        """Ask for an email about the end of a job, or change the address of one. Raises JobNotFound."""
        hashes = (self._scripts.keyed_hash(address.lower()), self._scripts.keyed_hash(client))
        reply: bytes | None = self._scripts.run("ask_mail", job_id, address, page, *hashes, self._most_per_day)
        if reply is None:
            raise JobNotFound(job_id)
        return AskOutcome(reply.decode())

    def drop(self, job_id: str) -> None:
        """Delete the address of an email, unless it is being sent."""
        self._scripts.run("drop_mail", job_id)

    def take(self, token: str) -> Taken | None:
        """Take an email that has to be sent, or return None if there is none."""
        longest = max(_LONGEST_DELAY, LEASE) + 60
        reply = self._scripts.run("take_mail", "", token, LEASE, longest)
        if not reply:
            return None
        job_id, address, page = texts(reply)
        return Taken(job_id, address, page, token)

    def begin(self, mail: Taken) -> bool:
        """Record that this process is about to send an email, and return whether it may.

        It may not if another process has taken the email over, or if its user has deleted it.
        Raises NotConfirmed if too few replicas have stored this. Then it must not be sent now.
        """
        return bool(self._scripts.run_confirmed("begin_mail", mail.job_id, mail.token, LEASE))

    def settle(self, mail: Taken, outcome: MailState) -> MailState | None:
        """Store the outcome of an attempt to send an email. Unless it is tried again, its address is deleted.

        Returns the new state of the email, which is FAILED instead of DELAYED after the last attempt, or None if
        another process has taken it.
        """
        reply = self._scripts.run("settle_mail", mail.job_id, mail.token, outcome, _LONGEST_DELAY, _MOST_ATTEMPTS)
        return MailState(reply.decode()) if reply else None
