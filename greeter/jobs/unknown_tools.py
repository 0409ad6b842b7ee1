"""Jobs whose message went to a worker that does not have their tool."""

from collections.abc import Collection

from greeter.jobs.attempts import Attempts
from greeter.jobs.scripts import Scripts


class UnknownTools:
    """Makes such jobs wait again, or fail. Methods raise redis.RedisError when Redis is unavailable."""

    def __init__(self, scripts: Scripts, attempts: Attempts, silence_limit: int) -> None:
        """Use these scripts; a job fails if no worker has had its tool for this many seconds."""
        self._scripts = scripts
        self._attempts = attempts
        self._silence_limit = silence_limit

    def return_job(self, job_id: str, result: str, tools: Collection[str]) -> tuple[bool, str]:
        """Make a job wait again, and let the worker have the message of the first job that it can run.

        Args:
            job_id: The job, which keeps its place.
            result: The result (JSON) of the job if it fails.
            tools: The names and the signatures of the tools that the worker has.

        Returns:
            Whether the job failed; and its queue, if the worker can run none of the next jobs, or an empty string.
        """
        failed, queue = self._scripts.run("return_unknown", job_id, self._silence_limit, result, *tools)
        if failed:
            self._attempts.remove_copies(job_id)  # of an attempt that was lost before
        return bool(failed), queue.decode()
