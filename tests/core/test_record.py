"""A record in the words that people see."""

import time

import pytest

from greeter.core.record import Record


def record(
    *, state: bytes = b"PENDING", partial: bytes | None = None, ahead: int | None = None, **times: float
) -> Record:
    """Make a record as Redis would give it."""
    stamps = [str(times[name]).encode() if name in times else None for name in ("submitted", "started", "ended")]
    return Record("ab" * 16, [state, b"expensive_greet", *stamps, None, partial, None, ahead])


@pytest.mark.parametrize(
    ("state", "phase", "active"),
    [
        (b"PENDING", "waiting", True),
        (b"STARTED", "running", True),
        (b"PROGRESS", "running", True),
        (b"ALIGNING", "running", True),
        (b"SUCCESS", "finished", False),
        (b"FAILURE", "failed", False),
        (b"REVOKED", "cancelled", False),
    ],
)
def test_celerys_states_become_words(state: bytes, phase: str, active: bool) -> None:
    """A state of a tool's own is running."""
    found = record(state=state, submitted=time.time())
    assert (found.phase, found.active) == (phase, active)


def test_a_partial_result_is_not_finished() -> None:
    """The label of the fallback wins over Celery's SUCCESS."""
    assert record(state=b"SUCCESS", partial=b"1", submitted=1.0, started=2.0, ended=3.0).phase == "stopped"


def test_elapsed_is_the_time_in_the_present_phase() -> None:
    """Waiting counts from the submission, running from the start, and the end stops it."""
    now = time.time()
    assert record(submitted=now - 100).elapsed in (100, 101)
    assert record(state=b"STARTED", submitted=now - 100, started=now - 30).elapsed in (30, 31)
    assert record(state=b"SUCCESS", submitted=now - 100, started=now - 30, ended=now - 10).elapsed == 20


def test_the_tag_changes_with_what_is_shown() -> None:
    """Seconds count in the first minute only; a place in the queue always does."""
    now = time.time()
    assert record(submitted=now - 130, ahead=3).tag == record(submitted=now - 130, ahead=3).tag
    assert record(submitted=now - 130, ahead=3).tag != record(submitted=now - 130, ahead=2).tag
    waiting = record(submitted=now - 130)
    waiting_longer = Record(waiting.id, waiting._reply)
    waiting_longer.elapsed = 170
    assert waiting_longer.tag == waiting.tag
    waiting_much_longer = Record(waiting.id, waiting._reply)
    waiting_much_longer.elapsed = 190
    assert waiting_much_longer.tag != waiting.tag
