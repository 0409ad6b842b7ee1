"""Remove what is no longer kept. Every worker does it, and each step may run twice."""

import logging
import time

from greeter.jobs.errors import UNAVAILABLE, JobNotFound
from greeter.jobs.files.probe import Probe
from greeter.jobs.service import JobService

log = logging.getLogger(__name__)

_AGE_INTERVAL = 3600  # seconds


class Cleaner:
    """Removes files in a thread, because very many on a network disk may take longer than SILENCE_LIMIT."""

    def __init__(self, jobs: JobService) -> None:
        self._jobs = jobs
        self._call = Probe(self.clean)
        self._next_ages = 0.0

    def start(self) -> None:
        """Start to clean, unless that is under way or has just started."""
        self._call.refresh()

    def clean(self) -> None:
        """Remove what is set aside or has expired. Exceptions are logged."""
        try:
            self._jobs.store.files.remove_set_aside()
            self._remove_expired()
        except UNAVAILABLE as error:
            log.warning("Redis is unavailable, so nothing expires: %s", error)
        except Exception:
            log.exception("cannot remove what has expired")

    def _remove_expired(self) -> None:
        store = self._jobs.store
        expired = store.upkeep.expired_jobs()
        if expired is None:
            return
        for job_id in expired:
            try:
                self._jobs.delete(job_id)
            except JobNotFound:  # another worker was faster
                continue
            except OSError as error:
                log.warning("an expired job is kept: %s", error)
        if time.monotonic() >= self._next_ages:
            self._next_ages = time.monotonic() + _AGE_INTERVAL
            store.upkeep.remove_orphans()
            store.uploads.expire(store.upkeep.time())
            store.uploads.trim()
