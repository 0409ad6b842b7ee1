"""A record as people see it."""

import json

import pytest

from greeter.jobs.record import Record


def record(**fields: object) -> Record:
    """Create a record from a snapshot as Redis returns it."""
    known = {"state": "PENDING", "tool": "expensive_greet", "submitted": "0", "attempts": "0", "elapsed": 100}
    return Record(
        "ab" * 16, json.dumps(known | {"workers": 1, "queue": "celery", "today": 0} | fields).encode(), retention_days=7
    )


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
def test_celery_states_map_to_phases(state: str, phase: str, active: bool) -> None:
    """A state that a tool sets itself counts as running."""
    found = record(state=state)
    assert (found.phase, found.active) == (phase, active)


def test_a_partial_result_is_not_finished() -> None:
    """A fallback is stopped although Celery's state is SUCCESS, and a cancelled job stays cancelled."""
    assert record(state="SUCCESS", partial=1, result="{}").phase == "stopped"
    cancelled = record(state="REVOKED", partial=1, result="{}")
    assert (cancelled.phase, cancelled.has_result) == ("cancelled", True)
    assert not record(state="FAILURE", result="{}").has_result


@pytest.mark.parametrize(
    ("done", "state", "summary", "milestone"),
    [
        (0, "PROGRESS", "0 %", "Running"),
        (24, "PROGRESS", "24 %", "Running"),
        (77, "PROGRESS", "77 %", "75 percent done"),
        (77, "FAILURE", "Failed", "Failed"),
    ],
)
def test_scripts_get_each_percent_and_screen_readers_announce_each_quarter(
    done: int, state: str, summary: str, milestone: str
) -> None:
    """Both only while the job runs."""
    found = record(state=state, progress=json.dumps({"current": done, "total": 100}))
    assert (found.summary, found.milestone) == (summary, milestone)


def test_the_remaining_time_needs_enough_data() -> None:
    """It is estimated after three units and five seconds of a loop with a known total."""

    def remaining(done: int, total: int | None, seconds: float) -> int | None:
        progress = json.dumps({"current": done, "total": total, "unit": "step", "seconds": seconds})
        return record(state="PROGRESS", started="10", progress=progress).remaining

    assert remaining(3, 9, 5) == 10
    assert remaining(2, 9, 50) is None
    assert remaining(30, 90, 4) is None
    assert remaining(30, None, 50) is None


def in_stage(number: int | None, total: int | None, done: int) -> Record:
    """Create the record of a job in the stage Searching, with a number of ten queries done."""
    stage = {"name": "Searching", "number": number, "total": total}
    meta = {"current": done, "total": 10, "unit": "query", "seconds": 100, "stage": stage}
    return record(state="PROGRESS", started="10", progress=json.dumps(meta))


@pytest.mark.parametrize(
    ("number", "total", "done", "summary", "milestone", "remaining"),
    [
        (2, 3, 5, "Searching, stage 2 of 3, 50 %", "Searching, stage 2 of 3, 50 percent done", 100),
        (2, 3, 10, "Searching, stage 2 of 3", "Searching, stage 2 of 3", None),
        (3, 3, 10, "Searching, stage 3 of 3, 100 %", "Searching, stage 3 of 3, 100 percent done", 0),
        (2, None, 10, "Searching, stage 2", "Searching, stage 2", None),
        (None, None, 10, "Searching", "Searching", None),
        (None, None, 1, "Searching, 10 %", "Searching", None),
    ],
)
def test_a_complete_stage_is_not_a_complete_job(
    number: int | None, total: int | None, done: int, summary: str, milestone: str, remaining: int | None
) -> None:
    """Percent and remaining time are those of the stage, and are left out when it is complete, but the job is not."""
    found = in_stage(number, total, done)
    assert (found.summary, found.milestone, found.remaining) == (summary, milestone, remaining)


@pytest.mark.parametrize("stage", [3, {}, {"name": 1}, {"name": "a", "number": -1}, {"name": "a", "total": 10**400}])
def test_a_stage_that_cannot_be_shown_is_left_out(stage: object) -> None:
    """A tool may set any meta with update_state, and the page must not fail."""
    found = record(state="PROGRESS", progress=json.dumps({"current": 1, "total": 2, "stage": stage, "log": 3}))
    assert (found.summary, found.log) == ("50 %", "")
    assert found.progress == {"current": 1, "total": 2, "unit": "step", "seconds": 0}


def test_retention_starts_at_the_end_of_a_job() -> None:
    """While a job is active, the date is the earliest possible one."""
    assert f"{record(state='SUCCESS', ended='90000.5', today=5).kept_until:%F}" == "1970-01-09"
    assert f"{record(today=1).kept_until:%F}" == "1970-01-09"


def test_the_tag_changes_with_the_snapshot() -> None:
    """Equal snapshots have equal tags, different ones have different tags."""
    assert record(ahead=3).tag == record(ahead=3).tag != record(ahead=2).tag


@pytest.mark.parametrize(
    "meta",
    [
        '{"current": NaN}',
        '{"current": 1, "seconds": NaN}',
        '{"current": 1, "seconds": Infinity}',
        '{"current": 1, "total": 1' + "0" * 400 + "}",
        '{"current": -1, "total": 5}',
        '{"current": 1, "unit": ["a"]}',
        '{"__type__": "uuid", "__value__": "x"}',
        '{"current": {"__type__": "bytes", "__value__": "x"}}',
    ],
)
def test_a_meta_that_cannot_be_shown_is_not_progress(meta: str) -> None:
    """A tool may set any meta with update_state, and the page must not fail."""
    found = record(state="PROGRESS", progress=meta)
    assert (found.progress, found.percent, found.remaining) == (None, None, None)


def test_a_stored_result_is_read_as_json() -> None:
    """NaN becomes None, and nothing is decoded to another type."""
    found = record(state="SUCCESS", result='{"a": NaN, "b": -Infinity, "c": {"__type__": "bytes", "__value__": "x"}}')
    assert found.result == {"a": None, "b": None, "c": {"__type__": "bytes", "__value__": "x"}}
