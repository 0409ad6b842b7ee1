"""The readings of jobs that polls share."""

from __future__ import annotations

from functools import lru_cache
from time import monotonic

from greeter.jobs.errors import JobNotFound
from greeter.jobs.record import Record
from greeter.jobs.samples import PREFIX
from greeter.web.services import Services

READING_SECONDS = 0.2  # for which a reading is shared: less than between two polls of a page
_PERIODS = 5  # of READING_SECONDS between two polls of a page
_MOST = 64  # jobs that are read ahead together, so that they do not delay other calls to Redis


class Readings:
    """Reads jobs for polls: once in a period for all viewers of a job, and all jobs that are due in it together.

    A page polls every second, so the jobs that were polled in one period are due five periods later. The first poll of
    a period reads all of them, because a call to Redis for each takes a third of the CPU time of a poll.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        # The ids by period. Polls use a period twice, and up to 2 * _PERIODS others in between; the cache is LRU.
        self._polled = lru_cache(2 * _PERIODS + 1)(lambda period: set[str]())
        self._records = lru_cache(1)(lambda period: dict[str, Record]())  # of one period, by id

    def find(self, job_id: str) -> Record:
        """Return a reading of a job that is not older than READING_SECONDS, or a sample. Raises JobNotFound."""
        if job_id.startswith(PREFIX):
            return self._services.find(job_id)
        period = int(monotonic() / READING_SECONDS)
        records = self._records(period)
        if job_id not in records:
            due = self._polled(period - _PERIODS)
            job_ids = {job_id, *due}
            due.clear()
            records.update(self._services.find_all(job_ids))
        if job_id not in records:
            raise JobNotFound(job_id)
        polled = self._polled(period)
        if len(polled) < _MOST:
            polled.add(job_id)
        return records[job_id]

    def clear(self) -> None:
        """Forget all readings: the result of a job that has ended may be large."""
        self._records.cache_clear()
