"""The threads of a gunicorn worker."""

import logging
import threading
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

_BUSY_SECONDS = 0.03  # for all threads, until another one is added
Events = list[tuple[int, int]]


class Threads:
    """Threads that wait for events and handle them, until the process ends.

    One is added when all have been busy for a while. While they only take turns, because Python runs one at a time,
    another one would make each request take longer.
    """

    def __init__(self, wait: Callable[[], Events], handle: Callable[[Events], None]) -> None:
        self._wait, self._handle = wait, handle
        self._free: set[int] = set()  # the threads that wait
        self._taken = 0  # how often one has stopped waiting
        self._all_busy = threading.Event()
        self._all_busy.set()  # there is none yet

    def start(self, most: int) -> None:
        """Add threads, at most this many, from now on."""
        threading.Thread(target=self._add, args=[most], daemon=True).start()

    def _serve(self) -> None:
        thread = threading.get_ident()
        while True:
            self._free.add(thread)
            events = self._wait()
            self._free.discard(thread)
            self._taken += 1
            if not self._free:
                self._all_busy.set()
            self._handle(events)

    def _add(self, most: int) -> None:
        """Add a thread whenever all have been busy for a while, and none has come back in this time."""
        while most:
            self._all_busy.wait()
            self._all_busy.clear()
            before = self._taken
            time.sleep(_BUSY_SECONDS)
            if self._free:
                continue  # until the next request that occupies the last one
            if self._taken == before and self._add_one():
                most -= 1
            self._all_busy.set()

    def _add_one(self) -> bool:
        """Add a thread, and return whether the system has allowed it."""
        try:
            threading.Thread(target=self._serve, daemon=True).start()
        except RuntimeError as error:  # at a limit of threads or memory
            log.error("a thread of the web could not be started: %s", error)
            time.sleep(1)
            return False
        return True
