"""The description of a submission, the outcome of a cancel, and how much of the limits is used."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple

Filenames = Mapping[str, str | list[str]]
"""Names of files on the visitor's computer, by the name of the parameter, which has a list for several files."""


@dataclass(frozen=True)
class Submission:
    """What is known about a submission apart from the tool and its parameters. Everything is optional."""

    label: str = ""  # the name that the user gave the job
    client: str = ""  # who submits, to limit the active jobs of one client
    token: str = ""  # the token of the form, so that submitting it twice creates one job
    filenames: Filenames = field(default_factory=dict)  # the names of the input files
    request_hash: str = ""  # of an API request with a key, so that the same request creates one job

    def hash_of(self, fields: Mapping[str, str]) -> str:
        """Return a hash that is the same for repeats of a submission; empty if every submission must create a job.

        For a form, it depends on fields of the record, because the same form with other input is another job.
        """
        if self.request_hash or not self.token:
            return self.request_hash
        names = ("tool", "params", "checksums", "databases", "label")
        return sha256(" ".join([self.token, *(fields[name] for name in names)]).encode()).hexdigest()


class CancelOutcome(StrEnum):
    """What cancelling a job did."""

    CANCELLED = "cancelled"  # it was waiting or stale, and has ended now
    REQUESTED = "requested"  # it is running, and ends after its next heartbeat
    ENDED = "ended"  # it had ended before


class Usage(NamedTuple):
    """How much of the limits is used: the active jobs and the bytes of one client, and what all clients have together.

    A running job is measured every few seconds.
    """

    active: int
    client_bytes: int
    waiting: int
    all_bytes: int
