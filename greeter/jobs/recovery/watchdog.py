"""The watchdog of a worker: its pool processes kill a main process that hangs."""

import mmap
import os
import signal
from collections.abc import Callable
from threading import Thread
from time import monotonic, sleep  # a tool may replace those of the module

from redis import RedisError

_RECONNECT = 40  # seconds for the start, or for a reconnection to Redis, which Celery tries at least every 30


class Watchdog:
    """Shares a pulse between the main process and its pool processes, which are forked after this is created.

    A worker whose main process is suspended, or whose main thread hangs, neither takes jobs nor enforces limits, and no
    supervisor notices. Once it is killed, its supervisor starts a new one, and the sweep of any worker requeues its
    jobs.
    """

    def __init__(self, seconds: int, require_writes: Callable[[], object]) -> None:
        """Allow the pulse to pause for this many seconds, except while `require_writes` raises redis.RedisError."""
        self._seconds = seconds
        self._require_writes = require_writes
        self._pulse = mmap.mmap(-1, 1)
        self._excused_until = monotonic() + _RECONNECT

    def beat(self) -> None:
        """Beat once. The event loop of the main process calls this every two seconds."""
        self._excused_until = 0
        self._change_pulse()

    def excuse(self) -> None:
        """Start a thread that beats while the main process starts or reconnects to Redis: no event loop runs then."""
        Thread(target=self._excuse, name="pulse", daemon=True).start()

    def watch(self) -> None:
        """Start to watch the pulse, in a pool process."""
        Thread(target=self._watch, name="watchdog", daemon=True).start()

    def _excuse(self) -> None:
        while True:
            try:
                self._require_writes()
            except RedisError:
                self._excused_until = monotonic() + _RECONNECT
            if monotonic() < self._excused_until:
                self._change_pulse()
            sleep(1)

    def _change_pulse(self) -> None:
        self._pulse[0] = (self._pulse[0] + 1) % 256

    def _watch(self) -> None:
        # Count the seconds in which this process itself was running, because a suspended machine is not a hang.
        unchanged, last = 0.0, -1
        while unchanged < self._seconds:
            sleep(0.4)
            unchanged = 0 if self._pulse[0] != last else unchanged + 0.4
            last = self._pulse[0]
        os.kill(os.getppid(), signal.SIGKILL)
