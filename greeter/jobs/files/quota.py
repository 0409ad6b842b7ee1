"""How many bytes the files of jobs take, which is limited for each client and in total."""

from contextlib import suppress

from greeter.jobs.files.folders import JobFiles
from greeter.jobs.records.scripts import Scripts
from greeter.jobs.runner import Runner
from greeter.settings import Settings


class Quota:
    """Counts the bytes of each job, and so of its client. Methods raise redis.RedisError when Redis is unavailable."""

    def __init__(self, scripts: Scripts, files: JobFiles, settings: Settings) -> None:
        self._scripts, self._files = scripts, files
        self._limits = (settings.max_client_bytes, settings.max_active)

    def owner(self, client: str, *, waits: bool = True) -> str:
        """Return the keyed hash that stands for a client; see `Scripts.keyed_hash`."""
        return self._scripts.keyed_hash(client, waits=waits)

    def size(self, job_id: str, *, is_running: bool = False) -> int | None:
        """Return how many bytes the files of a job take, or None if this machine does not have them."""
        with suppress(OSError):  # DATA_DIR cannot be used, as fitness.py reports
            return self._files.size(job_id, is_running=is_running) or None  # 0: there is no folder
        return None

    def measure(self, job_id: str) -> None:
        """Store how many bytes the files of a job take now, if this machine has its folder."""
        if size := self.size(job_id):
            self._scripts.run("measure", job_id, size)

    def measure_running(self, job_id: str, runner: Runner) -> bool:
        """Measure a job of this runner, and return whether it has to end because its client has too much.

        It has to if it has grown since the last call, and its client has more than MAX_CLIENT_BYTES. Each job may use
        MAX_CLIENT_BYTES / MAX_ACTIVE, because several users can share an address.
        """
        size = self.size(job_id, is_running=True)
        return bool(size and self._scripts.run("measure_running", job_id, *runner.args, size, *self._limits))

    def exceeds_alone(self, job_id: str) -> bool:
        """Return whether a running job alone has more than MAX_CLIENT_BYTES. This does not need Redis."""
        return (self.size(job_id, is_running=True) or 0) > self._limits[0]
