"""A thread that calls a function at regular intervals while a job runs."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import sleep  # a tool may replace those of the module

log = logging.getLogger(__name__)


class Ticker:
    """Calls a function at regular intervals, in one thread for all jobs, because starting one for each takes time.

    Between two jobs, the thread calls nothing.
    """

    def __init__(self, interval: float) -> None:
        self._interval = interval  # seconds
        self._lock = threading.Lock()
        self._function: Callable[[], object] | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread, unless it is running. Raises RuntimeError if the system refuses to start one."""
        if self._thread is None or not self._thread.is_alive():  # none yet, or lost in a fork
            self._thread = threading.Thread(target=self._run, name="ticker", daemon=True)
            self._thread.start()

    @contextmanager
    def calling(self, function: Callable[[], object]) -> Iterator[None]:
        """Call a function at each interval while the body runs. At its end, wait for a call that is under way.

        The exceptions of the function are logged.
        """
        self.start()
        self._function = function
        try:
            yield
        finally:
            with self._lock:
                self._function = None

    def _run(self) -> None:
        while True:
            sleep(self._interval)
            with self._lock:
                if self._function:
                    self._call(self._function)

    def _call(self, function: Callable[[], object]) -> None:
        try:
            function()
        except Exception:
            log.exception("bug in what is done while a job runs")
