"""A queue with the jobs of two tools, one of which only some workers have, on a real Redis."""

from itertools import count

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from greeter.jobs.records.store import Store
from greeter.jobs.runner import Runner
from tests.conftest import Installation
from tests.jobs.test_queues import WINDOW, claim, create, listed, take, waiting

pytestmark = pytest.mark.redis


class Queue(RuleBasedStateMachine):
    """Clients submit and cancel jobs, workers with one or both tools start and lose them, in any order."""

    store: Store

    def __init__(self) -> None:
        super().__init__()
        self.store.redis.flushdb()
        self.numbers = count()
        self.common: set[str] = set()
        self.running: list[str] = []

    @rule(client=st.sampled_from("abc"), number=st.integers(1, 20), is_common=st.booleans())
    def submit(self, client: str, number: int, is_common: bool) -> None:
        """A client submits some jobs."""
        tool = "common" if is_common else "rare"
        jobs = [create(self.store, next(self.numbers), client, tool=tool) for _ in range(number)]
        self.common.update(jobs if is_common else [])

    @precondition(lambda self: bool(waiting(self.store)))
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """A client cancels a waiting job."""
        self.store.cancel(data.draw(st.sampled_from(waiting(self.store))))

    @precondition(lambda self: bool(waiting(self.store)))
    @rule()
    def start(self) -> None:
        """A worker with both tools gets the first job."""
        self._start(waiting(self.store)[0])

    @precondition(lambda self: bool(waiting(self.store)))
    @rule()
    def start_common(self) -> None:
        """A worker with one tool gets its first job, or rests if it has none. No place changes."""
        before = waiting(self.store)
        expected = next((job for job in before if job in self.common), None)
        if before[0] != expected:
            rest = None if expected else "celery"
            assert self.store.runs.resend_unknown(take(self.store), "{}", ["common"]) == (False, rest)
        assert waiting(self.store) == before
        if expected:
            self._start(expected)

    def _start(self, job_id: str) -> None:
        assert take(self.store) == job_id
        claim(self.store, job_id)
        self.running.append(job_id)

    @precondition(lambda self: bool(self.running))
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        """A worker stops, and returns a job."""
        job_id = data.draw(st.sampled_from(self.running))
        self.running.remove(job_id)
        self.store.runs.requeue(job_id, Runner("w"), stale=False, counted=False)

    @invariant()
    def the_list_has_the_next_jobs(self) -> None:
        """In the order of the places that pages show."""
        jobs = waiting(self.store)
        assert [self.store.find(job_id).ahead for job_id in jobs] == list(range(len(jobs)))
        assert listed(self.store) == jobs[:WINDOW]


@pytest.mark.slow
def test_places_are_exact_although_workers_have_different_tools(with_redis: Installation) -> None:
    """Whichever worker gets a message, and however often."""
    limits = settings(max_examples=10, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(type("QueueInRedis", (Queue,), {"store": with_redis.store}), settings=limits)
