"""The messages between workers, and the events that they publish."""

import json
import time
from base64 import b64decode

import pytest

from tests.conftest import Installation, wait_for

pytestmark = pytest.mark.slow


def test_events_of_several_jobs_are_published_together(installation: Installation) -> None:
    """Flower gets all events of each job, in two messages a second."""
    with installation.redis.pubsub(ignore_subscribe_messages=True) as messages:
        messages.psubscribe("*celeryev*")
        began = time.monotonic()
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
    assert batches <= 2 * (time.monotonic() - began) + 1  # one may be of earlier events


def test_a_worker_does_not_wait_for_others_when_it_starts(own_installation: Installation) -> None:
    """It asks them nothing: the only question is that of the test."""
    own_installation.start("redis")
    with own_installation.redis.pubsub() as messages:
        messages.psubscribe("*pidbox*")
        own_installation.start("worker")
        received = [one["data"] for one in iter(lambda: messages.get_message(timeout=0.5), None)]
    asked = [json.loads(b64decode(json.loads(data)["body"])) for data in received if isinstance(data, bytes)]
    assert {question["method"] for question in asked if "method" in question} == {"ping"}


def read(message: bytes) -> list[dict[str, str]]:
    """Decode the events in a message of kombu."""
    events: list[dict[str, str]] = json.loads(b64decode(json.loads(message)["body"]))
    return events
