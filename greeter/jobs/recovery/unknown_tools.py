"""Jobs whose message went to a worker that does not have their tool."""

from collections.abc import Collection
from typing import NamedTuple

from greeter.jobs.files.attempts import Attempts
from greeter.jobs.records.scripts import Scripts


class Resent(NamedTuple):
    """What became of a job whose message went to a worker without its tool."""

    failed: bool
    queue: str | None  # its queue, if the worker can run none of the next jobs there


class UnknownTools:
    """Leaves such jobs to other workers, or fails them. Methods raise redis.RedisError when Redis is unavailable."""

    def __init__(self, scripts: Scripts, attempts: Attempts, silence_limit: int) -> None:
        """Use these scripts; a job fails if no worker has had its tool for this many seconds."""
        self._scripts = scripts
        self._attempts = attempts
        self._silence_limit = silence_limit

    def resend(self, job_id: str, result: str, tools: Collection[str]) -> Resent:
        """Resend the message of a job for other workers. This worker gets that of the first job that it can run.

        Args:
            job_id: The job, which keeps its place, or fails if no worker has had its tool for long enough.
            result: The result (JSON) of the job if it fails.
            tools: The names and the signatures of the tools that the worker has.

        Returns:
            What became of the job and its queue.
        """
        failed, queue = self._scripts.run("resend_unknown", job_id, self._silence_limit, result, *tools)
        if failed:
            self._attempts.remove_copies(job_id)  # of an attempt that was lost before
        return Resent(bool(failed), queue.decode() or None)
