"""The life of jobs in a real Redis against a simple model of it: whatever is called in whatever order."""

import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule, run_state_machine_as_test

from greeter.jobs.errors import JobNotFound
from greeter.jobs.store import MOST_ATTEMPTS, Store, Submission
from tests.conftest import Installation

pytestmark = pytest.mark.redis

WORKERS = st.sampled_from(["w1", "w2"])
STATES = {"waiting": "PENDING", "running": "STARTED"}


class Model:
    """What a job should be: a handful of fields, and no Redis."""

    def __init__(self, place: int) -> None:
        self.phase, self.state, self.place = "waiting", "PENDING", place
        self.worker: str | None = None
        self.attempts = 0
        self.cancel = False
        self.result: str | None = None

    def end(self, state: str, result: str | None = None) -> None:
        """End; a wish to cancel decides how."""
        self.phase, self.state, self.result = "ended", state, result
        if self.cancel:
            self.state, self.cancel = "REVOKED", False


class Life(RuleBasedStateMachine):
    """Calls the store in any order and keeps a model of what must come of it."""

    jobs = Bundle("jobs")
    store: Store

    def __init__(self) -> None:
        super().__init__()
        self.store.redis.flushdb()
        shutil.rmtree(self.store.folders.of("any").parent, ignore_errors=True)
        self.models: dict[str, Model] = {}
        self.deleted: list[str] = []
        self.places = count()

    @rule(target=jobs)
    def submit(self) -> str:
        """A new job waits behind all others."""
        job_id = f"{len(self.models) + len(self.deleted):032x}"
        assert self.store.create(job_id, "tool", {"n": 1}, Submission(client="c")) == job_id
        self.models[job_id] = Model(next(self.places))
        return job_id

    @rule(job=jobs, worker=WORKERS, process=st.integers(1, 2))
    def claim(self, job: str, worker: str, process: int) -> None:
        """Only a waiting job can be begun, but its own process may ask again."""
        model, mine = self.models.get(job), f"{worker}/{process}"
        claimed = self.store.claim(job, worker, process, {})
        if model and model.phase == "waiting":
            model.phase, model.state, model.worker, model.mine = "running", "STARTED", worker, mine
            model.attempts += 1
            assert claimed == {"n": 1}
        else:
            asked_again = bool(model and model.phase == "running" and model.mine == mine)
            assert (claimed is not None) == asked_again

    @rule(job=jobs, worker=WORKERS, process=st.integers(1, 2))
    def beat(self, job: str, worker: str, process: int) -> None:
        """Only the process that has a job is told to go on, or to stop."""
        model = self.models.get(job)
        expected = ("cancel" if model.cancel else "running") if self.has(worker, model, process) else None
        assert self.store.beat(job, worker, process) == expected

    @rule(
        job=jobs,
        worker=WORKERS,
        process=st.sampled_from([1, 2, ""]),
        state=st.sampled_from(["PROGRESS", "SUCCESS", "FAILURE"]),
    )
    def write(self, job: str, worker: str, process: int | str, state: str) -> None:
        """Nobody else but the worker's main process changes the job, and nobody changes its end."""
        model, mine = self.models.get(job), self.has(worker, self.models.get(job), process)
        field = "progress" if state == "PROGRESS" else "result"
        assert self.store.write(job, worker, state, {field: f'"{worker}"'}, process) == mine
        if mine and state == "PROGRESS":
            model.state = state
        elif mine:
            model.end(state, worker if state == "SUCCESS" or not model.cancel else None)

    @rule(job=jobs, worker=WORKERS, counted=st.booleans())
    def lose(self, job: str, worker: str, counted: bool) -> None:
        """A lost job waits again, behind the others, unless it was cancelled or has been lost too often."""
        model, mine = self.models.get(job), self.has(worker, self.models.get(job))
        state = self.store.lose(job, worker, silent=False, counted=counted, result=b'"lost"')
        if not mine:
            assert state is None
        elif model.cancel or (counted and model.attempts >= MOST_ATTEMPTS):
            model.end("FAILURE", None if model.cancel else "lost")
            assert state == model.state
        else:
            model.attempts -= not counted
            model.phase, model.state, model.worker, model.place = "waiting", "PENDING", None, next(self.places)
            assert state == "PENDING"

    @rule(job=jobs)
    def cancel(self, job: str) -> None:
        """A waiting job ends at once; a running one is told; an ended one stays as it is."""
        model = self.models.get(job)
        if model is None:
            with pytest.raises(JobNotFound):
                self.store.cancel(job)
            return
        assert self.store.cancel(job) == {"waiting": "cancelled"}.get(model.phase, model.phase)
        if model.phase == "waiting":
            model.end("REVOKED")
        elif model.phase == "running":
            model.cancel = True

    @rule(job=consumes(jobs))
    def delete(self, job: str) -> None:
        """Only an ended job is removed, with its folder."""
        model = self.models.get(job)
        if model is None:
            with pytest.raises(JobNotFound):
                self.store.delete(job)
            return
        removable = model.phase == "ended"
        assert self.store.delete(job) == removable
        if removable:
            del self.models[job]
            self.deleted.append(job)
            assert not self.store.folders.of(job).exists()

    @invariant()
    def records_are_as_the_model_says(self) -> None:
        """State, attempts, place in the queue and result of every job; nothing else is kept."""
        waiting = sorted(
            (job for job, model in self.models.items() if model.phase == "waiting"),
            key=lambda job: self.models[job].place,
        )
        for job, model in self.models.items():
            record = self.store.find(job)
            assert (record.state, record.attempts, record.cancelling) == (model.state, model.attempts, model.cancel)
            assert record.ahead == (waiting.index(job) if job in waiting else None)
            assert record.result == model.result
        for job in self.deleted:
            with pytest.raises(JobNotFound):
                self.store.find(job)
        active = sum(model.phase != "ended" for model in self.models.values())
        redis = self.store.redis
        assert redis.scard("client:c") == active
        assert sum(redis.zcard(f"jobs:{phase}") for phase in ("waiting", "running", "ended")) == len(self.models)
        assert len(redis.keys("job:*")) == len(self.models)

    @staticmethod
    def has(worker: str, model: Model | None, process: int | str = "") -> bool:
        """Whether a worker has a job, in that process unless it is the main one."""
        mine = model and model.phase == "running" and model.worker == worker
        return bool(mine and (process == "" or model.mine == f"{worker}/{process}"))


@pytest.fixture
def store(own_installation: Installation, tmp_path: Path) -> Iterator[Store]:
    """A store of its own, which is emptied for each life."""
    own_installation.start("redis")
    return own_installation.queue.store


def test_14_a_job_lives_as_the_model_says(store: Store) -> None:
    """Whatever is called in whatever order; nothing that comes late changes an end."""
    limits = settings(max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(type("LifeInRedis", (Life,), {"store": store}), settings=limits)
