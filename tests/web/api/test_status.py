"""The state of a job as a sentence."""

import pytest

from greeter.web.api.status import message
from tests.jobs.test_record import record

NO_WORKER = "No worker for this job is running at the moment. It will start as soon as a worker is available."
SILENT = "It has not responded for 40 seconds. If it does not respond soon, it restarts."


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"state": "PENDING"}, "Waiting."),
        ({"state": "PENDING", "workers": 0}, f"Waiting. {NO_WORKER}"),
        ({"state": "PROGRESS", "progress": '{"current": 1, "total": 2}'}, "Running: 50 %."),
        ({"state": "STARTED", "silence": 40}, f"Running. {SILENT}"),
        ({"state": "STARTED", "silence": 40, "workers": 0}, f"Running. {NO_WORKER}"),
        ({"state": "STARTED", "workers": 0}, "Running."),
        ({"state": "SUCCESS", "workers": 0}, "Finished."),
        ({"state": "REVOKED", "workers": 0}, "Cancelled."),
    ],
)
def test_the_message_says_why_a_job_does_not_continue(fields: dict[str, object], expected: str) -> None:
    """As the page of the job does, so that a script need not ask for the health of the site."""
    assert message(record(**fields)) == expected
