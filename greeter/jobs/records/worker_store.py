"""The records of jobs as workers use them."""

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress

from celery.states import READY_STATES, SUCCESS
from kombu.utils.json import dumps

from greeter.jobs.errors import ToolChanged
from greeter.jobs.files.attempts import Attempts
from greeter.jobs.files.folders import JobFiles
from greeter.jobs.files.inputs import RESTORED, JobInputs
from greeter.jobs.files.quota import Quota
from greeter.jobs.files.uploads import Uploads
from greeter.jobs.log_fields import LogFields, fields_of_reply
from greeter.jobs.mail.mails import Mails
from greeter.jobs.progress import Report
from greeter.jobs.records.reader import Provenance
from greeter.jobs.records.scripts import Fields, Scripts, flat, pairs, texts
from greeter.jobs.recovery.unknown_tools import UnknownTools
from greeter.jobs.runner import Claim, HeartbeatReply, Runner
from greeter.settings import Settings

CANCEL_TIMEOUT = 6  # seconds that a cancelled job has to end on its own
MAX_ATTEMPTS = 2
MAX_STARTS = 100  # also those that do not count


class WorkerStore:
    """What the processes of workers read and change. Store, its subclass, adds what the web needs.

    Methods raise redis.RedisError when Redis is unavailable.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._scripts = Scripts(settings)
        self.redis = self._scripts.redis
        self.mails = Mails(self._scripts, settings.mails_per_day)
        self.files = JobFiles(settings.data_dir / "jobs")
        self.quota = Quota(self._scripts, self.files, settings)
        self.attempts = Attempts(self.files)
        self.unknown_tools = UnknownTools(self._scripts, self.attempts, settings.silence_limit)
        self.inputs = JobInputs(self._scripts, settings.data_dir)
        self.uploads = Uploads(settings)

    # For the process that runs a job.

    def claim(self, job_id: str, runner: Runner, versions: Mapping[str, str], signature: str = "") -> Claim | None:
        """Start a waiting job, and return what the process needs to run it, or None if it is not waiting.

        Its page shows the versions. Raises ToolChanged if the job has another signature; an empty one fits all.
        """
        reply = self._scripts.run("claim", job_id, *runner.args, dumps(versions), signature, "checksums", *RESTORED)
        if not reply:
            return None
        if reply == b"changed":
            raise ToolChanged
        claims, attempts, checksums, *found = reply
        recorded = {name: value for name, value in zip(RESTORED, found, strict=True) if value not in (None, b"{}")}
        self.attempts.remove(job_id, number := int(claims))
        if number > 1:  # the files of the lost attempt no longer count
            self.quota.measure(job_id)
        copies = {} if checksums == b"{}" else self.attempts.copy_inputs(job_id, number)
        params = self.inputs.restore(Provenance.read(recorded), copies)
        return Claim(job_id, runner, params, number, self.files.attempt(job_id, number), int(attempts))

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
                self.attempts.sync(job_id)  # before anyone is shown that the job has ended
        size = (is_end and self.quota.size(job_id)) or ""
        run = self._scripts.run_confirmed if is_end else self._scripts.run
        reply = run("update", job_id, *runner.args, state, int(is_end), size, *flat(fields))
        if reply and is_end:
            self.attempts.remove_copies(job_id)
        return fields_of_reply(job_id, *reply) if reply else None

    # For the main process of a worker.

    def worker_heartbeat(
        self, worker: str, queues: Collection[str], tools: Collection[str], jobs: Iterable[str], unfit: str = ""
    ) -> list[str]:
        """Record that a worker is alive.

        Args:
            worker: The id of the worker.
            queues: The queues from which it takes jobs.
            tools: The names and the signatures of the tools that it has.
            jobs: The jobs that it runs.
            unfit: Why it cannot run jobs, or an empty string.

        Returns:
            The jobs that it has to kill: cancelled ones that still run, and those that another worker has taken over.
        """
        counts = (CANCEL_TIMEOUT, len(queues), len(tools))
        return texts(self._scripts.run("worker_heartbeat", "", worker, unfit, *counts, *queues, *tools, *jobs))

    def requeue(self, job_id: str, runner: Runner, *, stale: bool, counted: bool, result: str = "") -> str | None:
        """Make a job wait again after its process was lost. The arguments are those of JobService.requeue.

        Without further attempts, the job fails with this result (JSON).

        Returns:
            The new Celery state, or None if the job no longer runs there, or had a heartbeat since.
        """
        self.quota.measure(job_id)
        silence = self._settings.silence_limit if stale else ""
        limits = (MAX_ATTEMPTS, MAX_STARTS)
        reply = self._scripts.run("requeue", job_id, *runner.args, silence, int(counted), *limits, result)
        state = reply.decode() if reply else None
        if state in READY_STATES:
            self.attempts.remove_copies(job_id)
        return state

    def stale_jobs(self) -> list[tuple[str, str]]:
        """Return the running jobs without a heartbeat for SILENCE_LIMIT, each with its worker."""
        return pairs(self._scripts.run("stale", "", self._settings.silence_limit))

    def resend(self, job_id: str) -> None:
        """Resend the message of a waiting job after a worker took it but could not run it. The job keeps its place."""
        self._scripts.run("resend", job_id)

    def dispatch(self) -> None:
        """Resend lost messages of waiting jobs."""
        for job_id in texts(self._scripts.call("ZRANGE", "jobs:waiting", 0, -1)):  # by version 0.2.0
            self._scripts.run("migrate", job_id)
        self._scripts.run("dispatch", "")

    def expired_jobs(self) -> list[str] | None:
        """Return some of the jobs whose retention time is over, or None while the clock is not trusted."""
        reply = self._scripts.run("expired", "", self._settings.retention)
        return None if reply is None else texts(reply)

    def require_writes(self) -> None:
        """Raise redis.RedisError unless Redis answers and takes writes. This changes nothing, so nothing is synced."""
        self.redis.persist("write_check")

    def time(self) -> float:
        """Return the time by the clock of Redis."""
        seconds, microseconds = self.redis.time()
        return seconds + microseconds / 1e6

    def remove_orphans(self) -> None:
        """Remove folders without a record, left by submissions that got no reply from Redis.

        They are kept for the retention time, in case REDIS_URL names the wrong server.
        """
        for job_id in self.files.unchanged_for(self._settings.retention, self.time()):
            if not self.redis.exists(f"job:{job_id}"):
                self.files.remove(job_id)
