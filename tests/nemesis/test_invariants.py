"""The nemesis reports all that it finds, even when something cannot be checked."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiosmtpd.smtp import Envelope

from greeter.jobs.record import Record
from tests.mail import MailServer
from tests.nemesis.invariants import check_attempts, fates_of_mails, violations


def test_every_check_runs_even_if_others_find_problems() -> None:
    """A check that fails by itself is a finding too."""

    def breaks() -> Iterator[str]:
        yield "found before"
        pytest.fail("no answer")

    def divides() -> list[str]:
        return [str(1 / 0)]

    assert violations({"one": lambda: ["a", "b"], "two": breaks, "three": divides, "four": lambda: ["c"]}) == [
        "one: a",
        "one: b",
        "two: found before",
        "two: could not be checked: no answer",
        "three: could not be checked: ZeroDivisionError('division by zero')",
        "four: c",
    ]


def test_concurrent_attempts_are_found(tmp_path: Path) -> None:
    """An attempt that continues after another process has started the job, but not one that ended before."""
    diary = tmp_path / "diary"
    diary.write_text("x start 1\nx goes on 1\ny start 1\nx start 2\nx end 2\ny end 1\n")
    assert list(check_attempts(diary)) == []
    diary.write_text("x start 1\nx start 2\nx goes on 1\nx end 2\n")
    assert list(check_attempts(diary)) == ["x ran at once in processes 1 and 2"]


@pytest.mark.parametrize(
    ("state", "sent", "spoiled", "cut_off", "fate"),
    [
        ("sent", 1, False, False, "exactly one"),
        ("unknown", 1, True, False, "exactly one"),
        ("failed", 0, True, False, "none, as the mail server spoiled it (failed)"),
        ("unknown", 0, False, True, "none, as its worker was lost before the last line"),
        ("", 0, False, False, "none, as none was wanted"),
        ("unknown", 0, False, False, "wrong: unknown, and sent 0 times"),
        ("failed", 0, False, True, "wrong: failed, and sent 0 times"),
        ("sent", 2, False, False, "wrong: sent, and sent 2 times"),
        ("", 1, False, False, "wrong: not wanted, and sent 1 times"),
        ("delayed", 0, True, False, "wrong: delayed, and sent 0 times"),
    ],
)
def test_an_end_without_a_mail_needs_a_reason(state: str, sent: int, spoiled: bool, cut_off: bool, fate: str) -> None:
    """That is a mail server that spoiled it, or the moment before the last line."""
    server = MailServer()
    for _ in range(sent):
        envelope = Envelope()
        envelope.rcpt_tos = ["a-0@example.org"]
        server.envelopes.append(envelope)
    server.spoiled, server.cut_off = (
        {"a-1@example.org"} if spoiled else set(),
        {"a-0@example.org"} if cut_off else set(),
    )
    assert fates_of_mails([Record("a", json.dumps({"mail": state}).encode(), None)], server) == {fate: ["a"]}
