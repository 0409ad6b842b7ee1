"""A cache of job records that polls share."""

from collections import OrderedDict
from contextlib import suppress
from time import monotonic

from greeter.jobs.errors import JobNotFound
from greeter.jobs.record import Record
from greeter.jobs.records.samples import PREFIX
from greeter.web.services import Services

CACHE_SECONDS = 0.3  # for which a reading is shared: less than between two polls of a page
_POLL_SECONDS = 1  # between two polls of a page
_EARLY_SECONDS = 0.2  # that a job may be read before its poll is due; more, and the reading would not last until then
_LATE_SECONDS = 0.2  # that a poll may be late, and still be read together with others
_MOST = 64  # jobs that are read ahead together, so that they do not delay other calls to Redis


class PollCache:
    """Reads jobs for polls: once for all viewers of a job, and together with other jobs that are due.

    A page polls every second, so it is known which jobs are due. A poll that finds no reading also reads these, because
    a call to Redis for each takes a third of the CPU time of a poll. Each is read ahead only once, so that a process
    which gets no further poll of a job does not read it again and again.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._polled: OrderedDict[str, float] = OrderedDict()  # when each job was polled, the longest ago first
        self._read: dict[str, tuple[float, Record]] = {}  # when each job was read, and what
        self._cleaned = 0.0  # when readings were last removed that are too old

    def find(self, job_id: str) -> Record:
        """Return a reading of a job that is not older than CACHE_SECONDS, or a sample. Raises JobNotFound."""
        if job_id.startswith(PREFIX):
            return self._services.find(job_id)
        now = monotonic()
        found = self._read.get(job_id)
        if not found or found[0] <= now - CACHE_SECONDS:
            found = self._read_due(job_id, now)
        self._polled.pop(job_id, None)
        self._polled[job_id] = now
        return found[1]

    def _read_due(self, job_id: str, now: float) -> tuple[float, Record]:
        """Read a job, and those that are due."""
        found = self._services.find_all({job_id, *self._due(now)})
        if self._cleaned <= now - CACHE_SECONDS:  # not each time, which would take longer than a reading
            # Other threads may change the dict during a loop, but not while list() copies it.
            last = {one: read for one, read in list(self._read.items()) if read[0] > now - CACHE_SECONDS}
            self._read, self._cleaned = last, now
        self._read.update({one: (now, record) for one, record in found.items()})
        if job_id not in found:
            raise JobNotFound(job_id)
        return now, found[job_id]

    def _due(self, now: float) -> list[str]:
        """Return the jobs that were polled a second ago, and forget them until they are polled again."""
        due: list[str] = []
        with suppress(KeyError):  # there are no more, perhaps because another thread has taken them
            while len(due) < _MOST:
                job_id, polled = self._polled.popitem(last=False)
                if polled > now - _POLL_SECONDS + _EARLY_SECONDS:
                    self._polled[job_id] = polled
                    self._polled.move_to_end(job_id, last=False)
                    break
                if polled > now - _POLL_SECONDS - _LATE_SECONDS:  # otherwise, its viewer has left
                    due.append(job_id)
        return due

    def clear(self) -> None:
        """Forget all readings: the result of a job that has ended may be large."""
        self._read = {}
