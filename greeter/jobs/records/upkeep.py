"""What the main process of a worker reads and changes, of all jobs and workers."""

from collections.abc import Collection, Iterable

from greeter.jobs.files.folders import JobFiles
from greeter.jobs.records.scripts import Scripts, pairs, texts
from greeter.jobs.runner import Runner
from greeter.settings import Settings

CANCEL_TIMEOUT = 6  # seconds that a cancelled job has to end on its own


class Upkeep:
    """What keeps the records in order. Methods raise redis.RedisError when Redis is unavailable."""

    def __init__(self, scripts: Scripts, files: JobFiles, settings: Settings) -> None:
        self._scripts, self._files = scripts, files
        self._silence_limit, self._retention = settings.silence_limit, settings.retention

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

    def running_jobs(self) -> dict[str, Runner]:
        """Return the running jobs, each with its worker."""
        found = texts(self._scripts.call("ZRANGE", "jobs:running", 0, -1))
        workers = [self._scripts.call("HGET", f"job:{job_id}", "worker") or b"" for job_id in found]
        return {job_id: Runner(worker.decode()) for job_id, worker in zip(found, workers, strict=True)}

    def stale_jobs(self) -> list[tuple[str, str]]:
        """Return the running jobs without a heartbeat for SILENCE_LIMIT, each with its worker."""
        return pairs(self._scripts.run("stale", "", self._silence_limit))

    def dispatch(self) -> None:
        """Resend lost messages of waiting jobs."""
        for job_id in texts(self._scripts.call("ZRANGE", "jobs:waiting", 0, -1)):  # by version 0.2.0
            self._scripts.run("migrate", job_id)
        self._scripts.run("dispatch", "")

    def expired_jobs(self) -> list[str] | None:
        """Return some of the jobs whose retention time is over, or None while the clock is not trusted."""
        reply = self._scripts.run("expired", "", self._retention)
        return None if reply is None else texts(reply)

    def require_writes(self) -> None:
        """Raise redis.RedisError unless Redis answers and takes writes. This changes nothing, so nothing is synced."""
        self._scripts.redis.persist("write_check")

    def time(self) -> float:
        """Return the time by the clock of Redis."""
        seconds, microseconds = self._scripts.redis.time()
        return seconds + microseconds / 1e6

    def remove_orphans(self) -> None:
        """Remove folders without a record, left by submissions that got no reply from Redis.

        They are kept for the retention time, in case REDIS_URL names the wrong server.
        """
        for job_id in self._files.unchanged_for(self._retention, self.time()):
            if not self._scripts.redis.exists(f"job:{job_id}"):
                self._files.remove(job_id)
