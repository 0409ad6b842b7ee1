"""The records of jobs in Redis. The documentation of scripts.py lists all keys."""

from collections.abc import Collection
from contextlib import suppress
from errno import EBUSY
from functools import partial

import redis
from kombu.utils.json import dumps

from greeter.jobs.errors import REFUSALS, JobNotFound
from greeter.jobs.files.attempts import Attempts
from greeter.jobs.files.folders import JobFiles
from greeter.jobs.files.inputs import JobInputs
from greeter.jobs.files.probe import NoAnswer
from greeter.jobs.files.quota import Quota
from greeter.jobs.files.uploads import Uploads
from greeter.jobs.mail.mails import Mails
from greeter.jobs.params import file_params, size_of
from greeter.jobs.record import Record
from greeter.jobs.records.reader import RECORDED, Provenance
from greeter.jobs.records.runs import Runs
from greeter.jobs.records.scripts import Argument, Scripts, flat, texts
from greeter.jobs.records.statistics import Statistics
from greeter.jobs.records.upkeep import Upkeep
from greeter.jobs.submission import CancelOutcome, Submission, Usage
from greeter.logs import REQUEST
from greeter.settings import Settings
from greeter.toolkit.tool import DEFAULT_QUEUE, Params, signature

_WORKER_TIMEOUT = 15  # seconds without a heartbeat after which a worker counts as gone


class Store:
    """The records of jobs, and their folders. Methods raise redis.RedisError when Redis is unavailable."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._limits = (settings.max_waiting, settings.max_active, settings.max_client_bytes, settings.max_total_bytes)
        self._scripts = Scripts(settings)
        self.redis = self._scripts.redis
        self.mails = Mails(self._scripts, settings.mails_per_day)
        self.files = JobFiles(settings.data_dir / "jobs")
        self.quota = Quota(self._scripts, self.files, settings)
        self.attempts = Attempts(self.files)
        self.inputs = JobInputs(self._scripts, settings.data_dir)
        self.uploads = Uploads(settings)
        self.runs = Runs(self._scripts, self.attempts, self.quota, self.inputs, settings.silence_limit)
        self.upkeep = Upkeep(self._scripts, self.files, settings)

    def create(self, job_id: str, tool: str, params: Params, submission: Submission, queue: str = DEFAULT_QUEUE) -> str:
        """Create a waiting job.

        Args:
            job_id: The id of the new job.
            tool: The name of its tool.
            params: The parameters of the tool. A Path becomes the file `inputs/<name of the parameter>`, and several
                become the files of a folder with this name.
            submission: What else is known about the submission.
            queue: The queue in which the job waits.

        Returns:
            The id of the job, or of the one that the same form created before.

        Raises:
            QueueFull: A limit is reached, as with the other exceptions of REFUSALS. Nothing is kept.
            OSError: The disk is full. Nothing is kept.
            NotConfirmed: Too few replicas have the job. It is kept, as after a lost reply, because another submission
                of the same form may have been accepted as this job.
        """
        provenance = vars(Provenance.at_submission(params, submission.filenames))
        fields = {"tool": tool, "queue": queue, "signature": signature(tool, params), "label": submission.label}
        fields |= {name: dumps(value) for name, value in provenance.items() if name != "versions"}
        fields["request"] = REQUEST.get()
        # First, so that no files are written while Redis is unavailable.
        owner = self.quota.owner(submission.client)
        create = partial(self._create, job_id, submission.hash_of(fields), submission.client, owner, *self._limits)
        # A submission that is refused copies no files.
        if (inputs := file_params(params)) and (found := create(size_of(inputs))):
            return found
        self.files.create(job_id, inputs)
        try:
            created = create(self.files.size(job_id), *flat(fields))
        except (redis.ResponseError, *REFUSALS.values()):
            # Redis has refused, for example because it is full. (If there was no reply, the job may have been created,
            # so its folder stays: remove_orphans() removes it if not.)
            self.files.remove(job_id)
            raise
        if created != job_id:
            self.files.remove(job_id)
        return created

    def _create(self, *args: Argument) -> str:
        reply: bytes = self._scripts.run_confirmed("create", *args)
        if (created := reply.decode()) in REFUSALS:
            raise REFUSALS[created]
        return created

    def find_created(self, submission_hash: str) -> str | None:
        """Return the job that a submission with this hash created, if it exists. Raises NotConfirmed."""
        found: bytes | None = self._scripts.run_confirmed("created", "", submission_hash)
        return found.decode() if found else None

    def find(self, job_id: str) -> Record:
        """Read a record in one round trip. Raises JobNotFound."""
        record = self.find_all([job_id]).get(job_id)
        if record is None:
            raise JobNotFound(job_id)
        return record

    def find_all(self, job_ids: Collection[str]) -> dict[str, Record]:
        """Read several records in one round trip, leaving out those of jobs that do not exist."""
        snapshots = self._scripts.run("read", "", _WORKER_TIMEOUT, *job_ids)
        found = zip(job_ids, snapshots, strict=True)
        days = self._settings.retention_days
        return {job_id: Record(job_id, snapshot, days) for job_id, snapshot in found if snapshot is not None}

    def provenance(self, job_id: str) -> Provenance:
        """Read how the result of a job was made."""
        return Provenance.read(self.fields(job_id, *RECORDED))

    def params(self, job_id: str, provenance: Provenance | None = None) -> Params:
        """Read the parameters of a job, or take them from its provenance; a file is given as its Path."""
        recorded = provenance or self.provenance(job_id)
        return self.inputs.restore(recorded, self.files.inputs(job_id, recorded.checksums or None))

    def fields(self, job_id: str, *names: str) -> dict[str, str]:
        """Read fields of a record that are not in its snapshot, leaving out the ones that it does not have."""
        values: list[bytes | None] = self._scripts.call("HMGET", f"job:{job_id}", *names)
        return {name: value.decode() for name, value in zip(names, values, strict=True) if value}

    def cancel(self, job_id: str) -> CancelOutcome:
        """Cancel a job, and return what this did: a job that runs ends only later. Raises JobNotFound."""
        reply: bytes | None = self._scripts.run("cancel", job_id, self._settings.silence_limit)
        if reply is None:
            raise JobNotFound(job_id)
        outcome = CancelOutcome(reply.decode())
        if outcome == CancelOutcome.CANCELLED:
            if not self.redis.hexists(f"job:{job_id}", "started"):
                with suppress(OSError):  # then they are removed with the job
                    self.files.remove_inputs(job_id)
            self.attempts.remove_copies(job_id)
            self.quota.measure(job_id)
        return outcome

    def delete(self, job_id: str) -> bool:
        """Delete the folder and the record of a job, unless it is active, and return whether it did.

        Raises:
            JobNotFound: There is no such job.
            NoAnswer: Its folder cannot be removed, for example because the disk is read-only.
        """
        if self.find(job_id).active:
            return False
        self.files.remove(job_id)  # first: if Redis fails now, the record is still there for the next try
        if self.files.folder(job_id).exists():
            raise NoAnswer(EBUSY, f"the folder of job {job_id[:8]} cannot be removed")
        self._scripts.run("delete", job_id)
        return True

    def has_room(self) -> bool:
        """Return whether MAX_TOTAL_BYTES leaves room for a job with MAX_UPLOAD_BYTES. What is refused takes none."""
        taken: bytes | None = self._scripts.call("HGET", "bytes", "all")
        return int(taken or 0) + self._settings.max_upload_bytes <= self._settings.max_total_bytes

    def announced_tools(self) -> set[str]:
        """Return the names and signatures of the tools that workers have had within SILENCE_LIMIT."""
        return set(texts(self._scripts.run("announced", "", self._settings.silence_limit)))

    def statistics(self) -> Statistics:
        """Count jobs and workers. Raises redis.RedisError also when Redis refuses writes."""
        return Statistics.read(self._scripts.run("statistics", "", _WORKER_TIMEOUT))

    def usage(self, client: str) -> Usage:
        """Return how much of the limits a client uses, and all clients together."""
        return Usage(*self._scripts.run("usage", "", client, self.quota.owner(client)))

    def installation_id(self) -> str | None:
        """Return the id of the installation that Redis belongs to, or None."""
        found: bytes | None = self._scripts.call("GET", "installation")
        return found.decode() if found else None

    def claim_installation(self, new_id: str) -> str | None:
        """Store the id of the installation unless Redis already has one, and return the id that it has now."""
        self.redis.set("installation", new_id, nx=True)
        return self.installation_id()

    def forget_installation(self) -> None:
        """Remove the id of the installation."""
        self.redis.delete("installation")
