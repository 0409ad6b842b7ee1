"""The runs of jobs: what the process that runs one reads and changes, until the job ends or waits again."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from json import dumps, loads
from typing import NamedTuple

from celery.states import READY_STATES, SUCCESS

from greeter.jobs.errors import ToolChanged
from greeter.jobs.failures import INPUT_REMOVED
from greeter.jobs.files.attempts import Attempts
from greeter.jobs.files.inputs import RESTORED, JobInputs
from greeter.jobs.files.quota import Quota
from greeter.jobs.log_fields import LogFields, fields_of_reply
from greeter.jobs.progress import Report
from greeter.jobs.records.reader import Provenance
from greeter.jobs.records.scripts import Fields, Scripts, flat
from greeter.jobs.runner import Claim, HeartbeatReply, Runner
from greeter.toolkit.errors import ToolError

MAX_ATTEMPTS = 2
MAX_STARTS = 100  # also those that do not count


class Resent(NamedTuple):
    """What became of a job whose message went to a worker without its tool."""

    failed: bool
    queue: str | None  # its queue, if the worker can run none of the next jobs there


class Runs:
    """The runs of jobs. Methods raise redis.RedisError when Redis is unavailable."""

    def __init__(
        self, scripts: Scripts, attempts: Attempts, quota: Quota, inputs: JobInputs, silence_limit: int
    ) -> None:
        self._scripts, self._attempts, self._quota, self._inputs = scripts, attempts, quota, inputs
        self._silence_limit = silence_limit

    def claim(self, job_id: str, runner: Runner, versions: Mapping[str, str], signature: str = "") -> Claim | None:
        """Start a waiting job, and return what the process needs to run it, or None if it is not waiting.

        Its page shows the versions. Raises ToolChanged if the job has another signature, of which an empty one fits
        all, or ToolError if a file that was submitted is gone.
        """
        reply = self._scripts.run("claim", job_id, *runner.args, dumps(versions), signature, "checksums", *RESTORED)
        if not reply:
            return None
        if reply == b"changed":
            raise ToolChanged
        claims, attempts, sums, *found = reply
        recorded = {name: value for name, value in zip(RESTORED, found, strict=True) if value not in (None, b"{}")}
        self._attempts.remove(job_id, number := int(claims))
        if number > 1:  # the files of the lost attempt no longer count
            self._quota.measure(job_id)
        checksums = loads(sums) if sums else None  # version 0.2.0 stored none
        copies = {} if checksums == {} else self._attempts.copy_inputs(job_id, number, checksums)
        if checksums and not copies:
            raise ToolError(INPUT_REMOVED)
        params = self._inputs.restore(Provenance.read(recorded), copies)
        return Claim(job_id, runner, params, number, self._attempts.files.attempt(job_id, number), int(attempts))

    def heartbeat(self, job_id: str, runner: Runner) -> HeartbeatReply:
        """Record that a job is running in this process, and return what the process has to do."""
        return HeartbeatReply(self._scripts.run("heartbeat", job_id, *runner.args).decode())

    def report_progress(self, job_id: str, runner: Runner, report: Report) -> None:
        """Store how far a running job is, and the end of its log."""
        self.update(job_id, runner, "PROGRESS", {"progress": dumps(report)})

    def update(self, job_id: str, runner: Runner, state: str, fields: Fields) -> LogFields | None:
        """Change the Celery state and fields of a running job.

        Args:
            job_id: The job.
            runner: The process that runs it, or its worker's main process.
            state: The new Celery state. If the job was cancelled, its end state is REVOKED.
            fields: Fields of the record and their new values.

        Returns:
            What a log line says about the job, or None if the runner has lost it and nothing was changed.

        Raises:
            NotConfirmed: Too few replicas have the end of the job.
        """
        is_end = state in READY_STATES
        if is_end and state != SUCCESS:  # after SUCCESS, the task has synced them
            with suppress(OSError):  # storing the end state matters more
                self._attempts.sync(job_id)  # before anyone is shown that the job has ended
        size = (is_end and self._quota.size(job_id)) or ""
        run = self._scripts.run_confirmed if is_end else self._scripts.run
        reply = run("update", job_id, *runner.args, state, int(is_end), size, *flat(fields))
        if reply and is_end:
            self._attempts.remove_copies(job_id)
        return fields_of_reply(job_id, *reply) if reply else None

    def requeue(self, job_id: str, runner: Runner, *, stale: bool, counted: bool, result: str = "") -> str | None:
        """Make a job wait again after its process was lost. The arguments are those of JobService.requeue.

        Without further attempts, the job fails with this result (JSON).

        Returns:
            The new Celery state, or None if the job no longer runs there, or had a heartbeat since.
        """
        self._quota.measure(job_id)
        silence = self._silence_limit if stale else ""
        limits = (MAX_ATTEMPTS, MAX_STARTS)
        reply = self._scripts.run("requeue", job_id, *runner.args, silence, int(counted), *limits, result)
        state = reply.decode() if reply else None
        if state in READY_STATES:
            self._attempts.remove_copies(job_id)
        return state

    def resend(self, job_id: str) -> None:
        """Resend the message of a waiting job after a worker took it but could not run it. The job keeps its place."""
        self._scripts.run("resend", job_id)

    def resend_unknown(self, job_id: str, result: str, tools: Collection[str]) -> Resent:
        """Resend the message of a job that went to a worker without its tool, which gets the first one that it can run.

        Args:
            job_id: The job, which keeps its place, or fails if no worker has had its tool for SILENCE_LIMIT.
            result: The result (JSON) of the job if it fails.
            tools: The names and the signatures of the tools that the worker has.

        Returns:
            What became of the job and its queue.
        """
        failed, queue = self._scripts.run("resend_unknown", job_id, self._silence_limit, result, *tools)
        if failed:
            self._attempts.remove_copies(job_id)  # of an attempt that was lost before
        return Resent(bool(failed), queue.decode() or None)
