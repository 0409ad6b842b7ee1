"""Worker maintenance: requeue lost jobs, kill overdue ones, and start to delete those that have expired."""

import logging
import time
from collections.abc import Collection

from greeter.jobs.errors import UNAVAILABLE
from greeter.jobs.records import redis_check
from greeter.jobs.recovery.cleaner import Cleaner
from greeter.jobs.recovery.intake import Intake
from greeter.jobs.runner import Runner
from greeter.jobs.service import JobService
from greeter.jobs.worker.active_jobs import active_jobs, kill_jobs

log = logging.getLogger(__name__)

_SWEEP_INTERVAL = 5  # seconds


class Sweeper:
    """Maintenance in the main process of a worker. Every worker does it, and each step may run twice."""

    def __init__(
        self, jobs: JobService, worker: str, queues: Collection[str] = (), tools: Collection[str] = ()
    ) -> None:
        self._jobs = jobs
        self.worker = worker  # the id of this worker
        self._tools = tools
        self.intake = Intake(queues)
        self._problem: str | None = None
        self._risk = ""
        self._stale: set[tuple[str, str]] = set()
        self._cleaner = Cleaner(jobs)
        self._next_sweep = 0.0

    def run(self) -> None:
        """Send the worker's heartbeat, and sweep when it is time. Called every two seconds."""
        now = time.monotonic()
        try:
            self._check_fitness()
            self._send_heartbeat()
            if now >= self._next_sweep:
                self._next_sweep = now + _SWEEP_INTERVAL
                self._sweep()
        except UNAVAILABLE as error:
            self._stale = set()
            log.warning("Redis is unavailable: %s", error)

    def _check_fitness(self) -> None:
        """Take jobs only while the pool processes can run them."""
        problem = self._jobs.fitness.last_problem() or self.intake.problem
        if problem != self._problem:
            log.error("this worker takes no jobs: %s", problem) if problem else log.info("this worker takes jobs again")
        self._problem = problem
        self.intake.set_accepting(not problem)

    def _send_heartbeat(self) -> None:
        queues = [] if self._problem else self.intake.queues
        send = self._jobs.store.upkeep.worker_heartbeat
        kill_jobs(send(self.worker, queues, self._tools, active_jobs(), self._problem or ""))

    def _check_redis(self) -> None:
        """Warn when the configuration of Redis starts to endanger jobs: it can change while this worker runs."""
        risk = redis_check.risk(self._jobs.store.redis)
        if risk != self._risk:
            log.warning("%s", risk or "The configuration of Redis no longer endangers jobs.")
        self._risk = risk

    def _sweep(self) -> None:
        # A job is requeued only if two sweeps in a row find it stale. The first may come right after the whole machine
        # was suspended, before a healthy worker could send a heartbeat.
        previous, self._stale = self._stale, set(self._jobs.store.upkeep.stale_jobs())
        for job_id, worker in previous & self._stale:
            # While DATA_DIR cannot be used, looking for the mark may never return.
            counted = self._problem is not None or not self._jobs.store.attempts.was_stopped(job_id, worker)
            self._jobs.requeue(job_id, Runner(worker), stale=True, counted=counted)
        self._jobs.store.upkeep.dispatch()
        self._check_redis()
        if not self._problem:
            self._cleaner.start()
