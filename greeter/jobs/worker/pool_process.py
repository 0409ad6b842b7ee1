"""Whether a pool process can run jobs, and whether a job that failed in it should be requeued."""

import logging
import os
import time
from functools import partial
from typing import NamedTuple, NoReturn

from greeter.jobs.failures import CHANGED_PROCESS, is_disk_error, is_shortage
from greeter.jobs.records.store import Store
from greeter.jobs.service import resend_delay
from greeter.jobs.worker import fitness
from greeter.jobs.worker.process_state import ProcessState
from greeter.jobs.worker.reporting import retry_until_available, start_reporting
from greeter.toolkit.errors import ToolError

log = logging.getLogger(__name__)

_FIT_SECONDS = 1  # for which a process that can run jobs is not checked again


class Requeue(NamedTuple):
    """How to requeue a job that failed; see JobService.requeue."""

    counted: bool
    reason: Exception


class PoolProcess:
    """This pool process of a worker. It is replaced if a job has changed its state, or if it cannot run jobs."""

    def __init__(self, store: Store) -> None:
        """Remember the state of this process before its first job."""
        self._store = store
        self._state = ProcessState()
        self._fit_until = 0.0
        self._had_bug = False

    def mark_for_replacement(self) -> None:
        """Have this process replaced before the next job: a job with a bug may have changed what cannot be seen."""
        self._had_bug = True

    def replace_if_unfit(self) -> None:
        """Replace this process if it cannot run jobs. Another one gets the job, which is not claimed yet."""
        try:
            reason = self._reason_to_replace()
        except Exception as error:  # if it were raised, the job would wait forever
            reason = f"it cannot be checked: {type(error).__name__}"
        if reason:
            _replace(reason)

    def assess_failure(self, error: Exception) -> Requeue | None:
        """Return how to requeue a job that failed with this error, or None if the machine cannot be the cause.

        The attempt counts if the machine has no problem now, or if the job has changed its process. A job that exhausts
        the process limit or changes its user therefore fails eventually.
        """
        # First the disk alone: while Redis is unavailable, the problem may go away.
        problem = fitness.disk_problem(self._store.files.root) or self._problem()
        shortage, change = is_shortage(error), self._state.change()
        if shortage and not change:
            problem = problem or fitness.thread_problem()
        if not (problem or shortage or is_disk_error(error)):
            return None
        reason = problem or (os.strerror(error.errno or 0) if isinstance(error, OSError) else error)
        log.warning("requeuing a job that failed: %s", reason, exc_info=error)
        if problem and change:
            log.warning("the job may have caused this: %s", change)
            return Requeue(counted=True, reason=ToolError(CHANGED_PROCESS))
        return Requeue(counted=not problem, reason=error)

    def _reason_to_replace(self) -> str | None:
        if self._had_bug:
            return "its last job failed with a bug and may have left bad state behind"
        if change := self._state.change():
            return change
        try:
            start_reporting()
        except RuntimeError as error:  # the limit of processes, or of memory, is reached
            return str(error)
        if problem := self._recent_problem():  # another process may not have it
            time.sleep(resend_delay())
        return problem

    def _recent_problem(self) -> str | None:
        """Return the problem. A check without one is valid for a second, because a failed job is checked again."""
        if time.monotonic() < self._fit_until:
            return None
        problem = self._problem()
        if not problem:
            self._fit_until = time.monotonic() + _FIT_SECONDS
        return problem

    def _problem(self) -> str | None:
        return retry_until_available(partial(fitness.problem, self._store))


def _replace(reason: str) -> NoReturn:
    try:
        log.warning("replacing this process: %s", reason)
    finally:  # even if a job has broken the log
        os._exit(os.EX_TEMPFAIL)  # the main process sends the message again
