"""A record in the words that people see."""

import json

import pytest

from greeter.core.record import FIELDS, Record


def record(*, now: int = 1_000_000, ahead: int | None = None, workers: int = 1, **fields: object) -> Record:
    """Make a record as Redis would give it, of a job that was submitted a hundred seconds ago."""
    known = {"state": "PENDING", "tool": "expensive_greet", "submitted": now - 100.0, "attempts": 0} | fields
    values = [str(known[name]).encode() if name in known else None for name in FIELDS]
    return Record("ab" * 16, [*values, ahead, workers, now], retention=7 * 86400)


@pytest.mark.parametrize(
    ("state", "phase", "active"),
    [
        ("PENDING", "waiting", True),
        ("STARTED", "running", True),
        ("PROGRESS", "running", True),
        ("ALIGNING", "running", True),
        ("SUCCESS", "finished", False),
        ("FAILURE", "failed", False),
        ("REVOKED", "cancelled", False),
    ],
)
def test_celerys_states_become_words(state: str, phase: str, active: bool) -> None:
    """A state of a tool's own is running."""
    found = record(state=state, seen=1_000_000)
    assert (found.phase, found.active) == (phase, active)


def test_a_partial_result_is_not_finished() -> None:
    """The label of the fallback wins over Celery's SUCCESS; a cancelled job stays cancelled."""
    assert record(state="SUCCESS", partial=1, result="{}").phase == "stopped"
    cancelled = record(state="REVOKED", partial=1, result="{}")
    assert (cancelled.phase, cancelled.has_result) == ("cancelled", True)
    assert not record(state="FAILURE", result="{}").has_result


def test_elapsed_is_the_time_in_the_present_phase() -> None:
    """Waiting counts from the submission, running from the start, and the end stops it."""
    now = 1_000_000
    assert record().elapsed == 100
    assert record(state="STARTED", started=now - 30, seen=now).elapsed == 30
    assert record(state="SUCCESS", started=now - 30, ended=now - 10).elapsed == 20


def test_the_remaining_time_is_told_when_it_can_be_trusted() -> None:
    """After three units and five seconds, and only where the total is known."""
    now = 1_000_000

    def remaining(done: int, total: int | None, elapsed: int) -> int | None:
        progress = json.dumps({"current": done, "total": total, "unit": "step"})
        return record(state="PROGRESS", started=now - elapsed, seen=now, progress=progress).remaining

    assert remaining(3, 9, 5) == 10
    assert remaining(2, 9, 50) is None
    assert remaining(30, 90, 4) is None
    assert remaining(30, None, 50) is None


def test_silence_is_told_only_when_it_is_long() -> None:
    """And only of a job that runs."""
    now = 1_000_000
    assert record(state="STARTED", started=now - 90, seen=now - 29).silence == 0
    assert record(state="STARTED", started=now - 90, seen=now - 31).silence == 31
    assert record(state="SUCCESS", started=now - 90, seen=now - 31, ended=now).silence == 0


def test_a_job_is_kept_from_its_end() -> None:
    """Until then the date is the earliest that it can be."""
    assert record(state="SUCCESS", ended=0.0).kept_until.isoformat() == "1970-01-08T00:00:00+00:00"
    assert record(now=86_400).kept_until.isoformat() == "1970-01-09T00:00:00+00:00"


def test_the_tag_changes_with_what_is_shown() -> None:
    """Seconds count in the first minute only; a place in the queue and the workers always do."""
    now = 1_000_000
    shown = record(submitted=now - 130, ahead=3)
    assert record(now=now + 30, submitted=now - 130, ahead=3).tag == shown.tag
    assert record(now=now + 50, submitted=now - 130, ahead=3).tag != shown.tag
    assert record(submitted=now - 130, ahead=2).tag != shown.tag
    assert record(submitted=now - 130, ahead=3, workers=0).tag != shown.tag
    assert record(submitted=now - 20).tag != record(submitted=now - 21).tag
    running = record(state="STARTED", started=now - 130, seen=now - 1)
    assert record(state="STARTED", started=now - 130, seen=now).tag == running.tag
    assert record(state="STARTED", started=now - 130, seen=now - 40).tag != running.tag
