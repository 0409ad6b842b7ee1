"""Submit, cancel, requeue, end and delete jobs."""

import logging
from collections.abc import Collection
from contextlib import suppress
from errno import EBUSY
from random import uniform
from secrets import token_hex
from threading import Timer

from celery.exceptions import WorkerLostError
from celery.states import PENDING
from kombu.utils.json import dumps
from redis import RedisError

from greeter.jobs.errors import JobNotFound, Unfit
from greeter.jobs.failures import failure_result
from greeter.jobs.files.probe import NoAnswer
from greeter.jobs.log_fields import LogFields, log_fields
from greeter.jobs.params import file_params, size_of
from greeter.jobs.records.runs import MAX_ATTEMPTS
from greeter.jobs.records.scripts import Fields
from greeter.jobs.records.store import Store
from greeter.jobs.runner import Runner
from greeter.jobs.submission import CancelOutcome, Submission
from greeter.jobs.worker.fitness import Fitness
from greeter.toolkit.tool import Params, Tool

log = logging.getLogger("greeter.job")

_ANONYMOUS = Submission()
_LOST = WorkerLostError(f"lost {MAX_ATTEMPTS} times")


def resend_delay() -> float:
    """Return the seconds to wait before a message is resent that reached a worker which cannot run the job.

    The delay is random, because Redis gives the message to the worker that has waited longest, and each worker renews
    its wait every second: after a fixed delay, the same worker could always get it.
    """
    return uniform(0.1, 0.5)


class JobService:
    """Changes jobs, and logs each change."""

    def __init__(self, store: Store, min_free_bytes: int) -> None:
        self.store = store
        self.fitness = Fitness(store, min_free_bytes)

    def submit(self, tool: Tool, params: Params, submission: Submission = _ANONYMOUS) -> str:
        """Submit a job.

        Args:
            tool: The tool to run.
            params: The values of its form's fields; a Path is the path of a file.
            submission: What else is known about the submission.

        Returns:
            The id of the job, which has 128 random bits, or of the one that the same form submitted before.

        Raises:
            QueueFull: MAX_WAITING jobs are waiting already.
            TooManyJobs: The client has MAX_ACTIVE jobs already.
            TooManyBytes: The files of the client's jobs take MAX_CLIENT_BYTES already.
            StorageFull: All jobs together would take more than MAX_TOTAL_BYTES.
            DatabaseRemoved: One that the job uses was removed after its form was checked.
            OSError: The disk is full.
            Unfit: DATA_DIR cannot be used, or does not belong to this Redis.
            NotConfirmed: Too few replicas of Redis have the job, which is kept.
            RedisError: Redis is unavailable.
        """
        job_id = token_hex(16)
        if problem := self.fitness.problem():
            log.error("refused a job: %s", problem)
            raise Unfit
        self.fitness.require_space(size_of(file_params(params)))
        created = self.store.create(job_id, tool.name, params, submission, tool.queue)
        if created == job_id:
            log.info("submitted", extra={"job": job_id[:8], "tool": tool.name})
        return created

    def requeue(
        self, job_id: str, runner: Runner, *, stale: bool = False, counted: bool = True, reason: Exception = _LOST
    ) -> None:
        """Make a job wait again after its process was lost, or fail after its last attempt.

        Args:
            job_id: The job.
            runner: The process that ran it, or its worker, if that is lost as a whole.
            stale: Whether the process only seems lost, because its heartbeats have stopped.
            counted: Whether the attempt counts.
            reason: Why the job fails, if this was its last attempt.
        """
        result = dumps(failure_result(reason))
        state = self.store.runs.requeue(job_id, runner, stale=stale, counted=counted, result=result)
        if state == PENDING:
            self._log_event("requeued" if counted else "requeued without counting the attempt", job_id)
        elif state:
            self._log_event("ended", job_id)
        elif not stale:  # if the process was lost before it claimed the job, the message is lost too
            self._resend_later(job_id)

    def resend_unknown(self, job_id: str, reason: Exception, tools: Collection[str]) -> str | None:
        """Leave a job to other workers, because this one has only these tools, or fail it for this reason.

        Returns its queue, if none of the next jobs there can run here.
        """
        resent = self.store.runs.resend_unknown(job_id, dumps(failure_result(reason)), tools)
        if resent.failed:
            self._log_event("ended", job_id)
        return resent.queue

    def _resend_later(self, job_id: str) -> None:
        timer = Timer(resend_delay(), self._resend, [job_id])
        timer.daemon = True
        with suppress(RuntimeError):  # no thread can be started: a sweep sends it later
            timer.start()

    def _resend(self, job_id: str) -> None:
        with suppress(RedisError):  # a sweep sends it later
            self.store.runs.resend(job_id)

    def end(self, job_id: str, runner: Runner, state: str, fields: Fields) -> None:
        """End a job, unless its process has lost it; the arguments are those of Runs.update."""
        if line := self.store.runs.update(job_id, runner, state, fields):
            log.info("ended", extra=line)

    def cancel(self, job_id: str) -> None:
        """Cancel a job, unless it has ended. Raises JobNotFound."""
        outcome = self.store.cancel(job_id)
        if outcome != CancelOutcome.ENDED:
            self._log_event("ended" if outcome == CancelOutcome.CANCELLED else "cancel requested", job_id)

    def delete(self, job_id: str) -> bool:
        """Delete the record and the files of a job, or return False if it is active. Raises as Store.delete does.

        Raises NoAnswer also while DATA_DIR cannot be used: if it is not mounted, only the record would be deleted.
        """
        if problem := self.fitness.problem():
            raise NoAnswer(EBUSY, problem)
        if deleted := self.store.delete(job_id):
            log.info("deleted", extra={"job": job_id[:8]})
        return deleted

    def _log_event(self, event: str, job_id: str) -> None:
        """Log an event in the life of a job."""
        fields: LogFields = {"job": job_id[:8]}
        with suppress(JobNotFound, RedisError):  # the job was deleted at once, or Redis has gone away
            fields = log_fields(self.store.find(job_id))
        log.info(event, extra=fields)
