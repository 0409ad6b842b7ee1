"""The store against a simple model of it, with any calls in any order, on a real Redis."""

import shutil
from itertools import count

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule, run_state_machine_as_test

from greeter.jobs.errors import JobNotFound
from greeter.jobs.records.runs import MAX_ATTEMPTS
from greeter.jobs.records.store import Store
from greeter.jobs.runner import Runner
from greeter.jobs.submission import Submission
from tests.conftest import Installation

pytestmark = pytest.mark.redis

WORKERS = st.sampled_from(["w1", "w2"])
STATES = {"waiting": "PENDING", "running": "STARTED"}


class Model:
    """What the record of a job should be, without Redis."""

    def __init__(self, place: int) -> None:
        self.phase, self.state, self.place = "waiting", "PENDING", place
        self.worker = self.mine = ""  # the worker, and its process, that claimed it
        self.attempts = 0
        self.cancel = False
        self.left = False  # cancelled while it waited
        self.result: object = None

    def end(self, state: str, result: str | None = None) -> None:
        """End the job; a requested cancel decides how."""
        self.phase, self.state, self.result = "ended", state, result
        if self.cancel:
            self.state, self.cancel = "REVOKED", False


class Life(RuleBasedStateMachine):
    """Calls the store in any order, and compares it with the model."""

    jobs = Bundle("jobs")
    store: Store

    def __init__(self) -> None:
        super().__init__()
        self.store.redis.flushdb()
        shutil.rmtree(self.store.files.folder("any").parent, ignore_errors=True)
        self.models: dict[str, Model] = {}
        self.deleted: list[str] = []
        self.places = count()

    @rule(target=jobs)
    def submit(self) -> str:
        """A new job waits at the end of the queue."""
        job_id = f"{len(self.models) + len(self.deleted):032x}"
        assert self.store.create(job_id, "tool", {"n": 1}, Submission(client="c")) == job_id
        self.models[job_id] = Model(next(self.places))
        return job_id

    @rule(job=jobs, worker=WORKERS, process=st.integers(1, 2))
    def claim(self, job: str, worker: str, process: int) -> None:
        """Only a waiting job can be claimed, but the process that claimed it may repeat the call."""
        model, mine = self.models.get(job), f"{worker}/{process}"
        claimed = self.store.runs.claim(job, Runner(worker, process), {})
        if model and model.phase == "waiting":
            model.phase, model.state, model.worker, model.mine = "running", "STARTED", worker, mine
            model.attempts += 1
            assert claimed.params == {"n": 1}
        else:
            repeated = bool(model and model.phase == "running" and model.mine == mine)
            assert (claimed is not None) == repeated

    @rule(job=jobs, worker=WORKERS, process=st.integers(1, 2))
    def heartbeat(self, job: str, worker: str, process: int) -> None:
        """Only the process that claimed a running job may continue."""
        model = self.models.get(job)
        expected = ("cancel" if model.cancel else "continue") if self.has(worker, model, process) else "abandon"
        assert self.store.runs.heartbeat(job, Runner(worker, process)) == expected

    @rule(
        job=jobs,
        worker=WORKERS,
        process=st.sampled_from([1, 2, None]),
        state=st.sampled_from(["PROGRESS", "SUCCESS", "FAILURE"]),
    )
    def update(self, job: str, worker: str, process: int | None, state: str) -> None:
        """Only the process that claimed a job and its worker's main process can change it; an end state is final."""
        model, mine = self.models.get(job), self.has(worker, self.models.get(job), process)
        field = "progress" if state == "PROGRESS" else "result"
        assert bool(self.store.runs.update(job, Runner(worker, process), state, {field: f'"{worker}"'})) == mine
        if mine and state == "PROGRESS":
            model.state = state
        elif mine:
            model.end(state, worker if state == "SUCCESS" or not model.cancel else None)

    @rule(job=jobs, worker=WORKERS, process=st.sampled_from([1, 2, None]), counted=st.booleans())
    def requeue(self, job: str, worker: str, process: int | None, counted: bool) -> None:
        """A lost job waits again, at its former place, unless it was cancelled or this was its last attempt."""
        model, mine = self.models.get(job), self.has(worker, self.models.get(job), process)
        state = self.store.runs.requeue(job, Runner(worker, process), stale=False, counted=counted, result='"lost"')
        if not mine:
            assert state is None
        elif model.cancel or (counted and model.attempts >= MAX_ATTEMPTS):
            model.end("FAILURE", None if model.cancel else "lost")
            assert state == model.state
        else:
            model.attempts -= not counted
            model.phase, model.state, model.worker = "waiting", "PENDING", ""
            assert state == "PENDING"

    @rule(job=jobs)
    def cancel(self, job: str) -> None:
        """A waiting job ends at once, even if the call is repeated. A running one is asked to, an ended one stays."""
        model = self.models.get(job)
        if model is None:
            with pytest.raises(JobNotFound):
                self.store.cancel(job)
            return
        model.left |= model.phase == "waiting"
        expected = "cancelled" if model.left else "requested" if model.phase == "running" else "ended"
        assert self.store.cancel(job) == expected
        if model.phase == "waiting":
            model.end("REVOKED")
        elif model.phase == "running":
            model.cancel = True

    @rule(job=jobs, worker=WORKERS, size=st.integers(0, 20_000))
    def measure(self, job: str, worker: str, size: int) -> None:
        """Only the files of a running job are measured, and only by its worker."""
        before = self.store.redis.hget(f"job:{job}", "bytes")
        if job in self.models:
            self.store.files.folder(job, "attempts", "file").write_bytes(bytes(size))
        assert not self.store.quota.measure_running(job, Runner(worker))
        if not self.has(worker, self.models.get(job)):
            assert self.store.redis.hget(f"job:{job}", "bytes") == before

    @rule(job=consumes(jobs))
    def delete(self, job: str) -> None:
        """Only an ended job can be deleted; its folder goes with it."""
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
            assert not self.store.files.folder(job).exists()

    @invariant()
    def records_are_as_the_model_says(self) -> None:
        """Every job has the model's state, attempts, place and result, and Redis has nothing else."""
        waiting = sorted(
            (job for job, model in self.models.items() if model.phase == "waiting"),
            key=lambda job: self.models[job].place,
        )
        for job, model in self.models.items():
            record = self.store.find(job)
            assert (record.state, record.attempts) == (model.state, model.attempts)
            assert record.cancel_requested == model.cancel
            assert record.ahead == (waiting.index(job) if job in waiting else None)
            assert record.result == model.result
        for job in self.deleted:
            with pytest.raises(JobNotFound):
                self.store.find(job)
        with self.store.redis.pipeline(transaction=False) as redis:
            for key in ("queue:celery", "jobs:running", "jobs:ended", "waiting:celery"):
                redis.zcard(key)
            redis.scard("client:c")
            redis.keys("job:*")
            redis.hgetall("bytes")
            for job in self.models:
                redis.hget(f"job:{job}", "bytes")
            queued, running, ended, listed, active, keys, counted, *sizes = redis.execute()
        assert active == sum(model.phase != "ended" for model in self.models.values())
        assert queued + running + ended == len(self.models)
        assert listed == queued
        assert len(keys) == len(self.models)
        total = sum(map(int, sizes))
        assert [int(number) for number in counted.values()] == [total] * 2 * bool(total)  # of all, and of the client

    @staticmethod
    def has(worker: str, model: Model | None, process: int | None = None) -> bool:
        """Whether a process of a worker claimed the job; None is the main process, which may act for the others."""
        mine = model and model.phase == "running" and model.worker == worker
        return bool(mine and (process is None or model.mine == f"{worker}/{process}"))


@pytest.mark.slow
def test_records_match_the_model_after_any_calls(with_redis: Installation) -> None:
    """Late calls of any kind never change an end state."""
    limits = settings(max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(type("LifeInRedis", (Life,), {"store": with_redis.store}), settings=limits)
