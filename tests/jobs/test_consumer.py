"""The events that a worker publishes."""

import json
from base64 import b64decode

import pytest

from tests.conftest import Installation, wait_for

pytestmark = pytest.mark.slow


def test_events_of_several_jobs_are_published_together(installation: Installation) -> None:
    """Flower gets all events of each job, in less than half as many messages."""
    with installation.redis.pubsub(ignore_subscribe_messages=True) as messages:
        messages.psubscribe("*celeryev*")
        jobs = [installation.submit("expensive_greet", person="Ada", total=1) for _ in range(4)]
        found: set[tuple[str, str]] = set()
        batches = 0

        def has_all() -> bool:
            nonlocal batches
            message = messages.get_message(timeout=0.1)
            if message and message["channel"].endswith(b"task.multi"):
                batches += 1
                found.update((one["uuid"], one["type"]) for one in read(message["data"]))
            return found >= {(job, f"task-{kind}") for job in jobs for kind in ("received", "started", "succeeded")}

        wait_for(has_all)
    assert 2 * batches < len(found)


def read(message: bytes) -> list[dict[str, str]]:
    """Decode the events in a message of kombu."""
    events: list[dict[str, str]] = json.loads(b64decode(json.loads(message)["body"]))
    return events
