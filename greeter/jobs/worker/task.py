"""The Celery task that runs the function of a tool."""

import logging
import time
from collections.abc import Callable
from functools import partial

from celery import Task
from celery.exceptions import Ignore, NotRegistered, TaskPredicate, TimeLimitExceeded, WorkerLostError

from greeter.jobs import versions
from greeter.jobs.failures import OUT_OF_MEMORY, ToolFailure, user_message
from greeter.jobs.files.bounds import check_files, check_result
from greeter.jobs.files.pictures import draw_pictures
from greeter.jobs.params import file_params
from greeter.jobs.service import resend_delay
from greeter.jobs.worker.celery_app import CeleryApp
from greeter.jobs.worker.containment import contained
from greeter.jobs.worker.interrupts import interruptible
from greeter.jobs.worker.reporting import reporting, retry_until_available
from greeter.jobs.worker.resource_limits import limited_resources
from greeter.logs import JOB, REQUEST
from greeter.toolkit.errors import ToolError
from greeter.toolkit.job import Job, Result
from greeter.toolkit.tool import Params, Tool

log = logging.getLogger(__name__)
job_log = logging.getLogger("greeter.job")

_OF_CELERY = (TaskPredicate, NotRegistered, TimeLimitExceeded, WorkerLostError)
"""What Celery raises about a task. If a tool raises one, it is an error like any other."""


class ToolTask(Task):  # type: ignore[type-arg]
    """Runs the function of a tool. Its message has only the job's id; the parameters are in the record."""

    app: CeleryApp
    Request = "greeter.jobs.request:JobRequest"
    throws = (ToolFailure,)  # the log has its traceback already, if it is a bug
    resultrepr_maxsize = 1  # a result is private: keep it out of the log and out of Flower

    def __init__(self, tool: Tool, soft_time_limit: int, grace: int, max_result_bytes: int, max_cores: int = 1) -> None:
        """Prepare the task of a tool. Raises PackageNotFoundError if a library that it names is not installed."""
        self.tool = tool
        self.name, self._signature = tool.name, tool.signature
        self.versions = versions.code_versions(tool)
        self._soft_limit = tool.soft_time_limit or soft_time_limit
        self._hard_limit = self._soft_limit + grace
        self.time_limit = self._hard_limit  # for Celery: it can also end a suspended process
        self._max_result_bytes = max_result_bytes
        self._cores = min(tool.cores, max_cores)

    def run(self) -> Result:
        """Run the tool for the job that has this task's id, unless the job is no longer waiting."""
        job_id = str(self.request.id)
        JOB.set(job_id[:8])
        REQUEST.set(self.request.get("request_id") or "")
        try:
            self.app.pool_process.replace_if_unfit()
            try:
                return self._run(job_id)
            except MemoryError:  # would end the whole worker (celery/celery#10462)
                raise ToolError(OUT_OF_MEMORY) from None
        except TaskPredicate:
            raise
        except Exception as error:
            self._requeue_if_due_to_machine(job_id, error)
            raise self._failure(error) from None
        finally:
            JOB.set("")
            REQUEST.set("")

    def _requeue_if_due_to_machine(self, job_id: str, error: Exception) -> None:
        """Requeue a job whose failure may be due to the machine."""
        if found := self.app.pool_process.assess_failure(error):
            time.sleep(resend_delay())
            jobs, runner = self.app.jobs, self.app.runner
            retry_until_available(partial(jobs.requeue, job_id, runner, counted=found.counted, reason=found.reason))
            raise Ignore from None

    def _run(self, job_id: str) -> Result:
        jobs, runner = self.app.jobs, self.app.runner
        # The message has been acknowledged, so do not give up before Redis has answered.
        claim = retry_until_available(partial(jobs.store.runs.claim, job_id, runner, self._versions(), self._signature))
        if claim is None:
            raise Ignore
        job_log.info("started", extra={"tool": self.name, "attempts": claim.attempts})
        job = Job(claim.folder, self.app.settings.job_memory, self._cores)
        with reporting(job, claim, jobs, self._soft_limit, self._hard_limit) as is_due:
            try:
                with contained(job), limited_resources(job):
                    result = self._call(job, claim.params, is_due)
                    if has_files := jobs.store.attempts.has_files(job_id, claim.number):
                        draw_pictures(claim.folder, is_due)
            finally:
                if file_params(claim.params):
                    jobs.store.attempts.remove_copies(job_id, claim.number)
        if has_files:
            # A file server may report only now that its disk is full: then the job fails.
            jobs.store.attempts.sync(job_id)
        return result

    def _versions(self) -> dict[str, str]:
        """Return the versions that the page of the job shows, by name. Programs and data may have been updated."""
        try:
            return self.versions | versions.machine_versions(self.tool)
        except Exception:  # the job is not claimed yet, so it could not fail, and would wait forever
            log.exception("cannot read the versions of the programs and data of %s", self.tool.name)
            return self.versions

    def _call(self, job: Job, params: Params, is_due: Callable[[], bool]) -> Result:
        """Call the tool; only here can a signal interrupt this process."""
        with interruptible(self._hard_limit, is_due):
            try:
                result = check_result(self.tool(job, **params), self._max_result_bytes)
                check_files(job.folder)
                return result
            except BaseException as error:
                if isinstance(error, Exception) and not isinstance(error, _OF_CELERY):
                    raise
                # SystemExit would end the process, and Celery's Retry or Ignore would end the task without a result.
                bug = RuntimeError(f"the tool raised {ToolFailure.summarize(error)}")
                raise bug.with_traceback(error.__traceback__) from None

    def _failure(self, error: Exception) -> ToolFailure:
        """Return what is stored of an error, and report it if it is a bug."""
        failure = ToolFailure.summarize(error)
        if failure.user_message is None:
            self._report_bug(error)
        return failure

    def on_failure(self, exc: Exception, task_id: str, args: object, kwargs: object, einfo: object) -> None:
        """Report an error outside `run`, which a message with arguments causes."""
        if not isinstance(exc, ToolFailure) and user_message(exc) is None:
            self._report_bug(exc, job=task_id[:8], request=self.request.get("request_id"))

    def _report_bug(self, error: Exception, **fields: object) -> None:
        """Log the traceback of a bug, and have this process replaced."""
        self.app.pool_process.mark_for_replacement()
        log.error("bug in the tool %s", self.name, exc_info=error, extra=fields)
