"""The watchdog of a worker: its pool processes kill a main process that is suspended."""

from __future__ import annotations

import mmap
import os
import signal
import time
from threading import Thread


class Watchdog:
    """Shares a pulse between the main process and its pool processes, which are forked after this is created.

    A worker whose main process is suspended, or cannot run its threads, neither takes jobs nor enforces limits, and no
    supervisor notices. Once it is killed, its supervisor starts a new one, and the sweep of any worker requeues its
    jobs.
    """

    def __init__(self, seconds: int) -> None:
        """Allow the pulse to pause for this many seconds."""
        self._seconds = seconds
        self._pulse = mmap.mmap(-1, 1)

    def pulse(self) -> None:
        """Start the pulse, in the main process."""
        Thread(target=self._beat, name="pulse", daemon=True).start()

    def watch(self) -> None:
        """Start to watch the pulse, in a pool process."""
        Thread(target=self._watch, name="watchdog", daemon=True).start()

    def _beat(self) -> None:
        while True:
            self._pulse[0] ^= 1
            time.sleep(1)

    def _watch(self) -> None:
        # Count the seconds in which this process itself was running, because a suspended machine is not a hang.
        unchanged, last = 0.0, -1
        while unchanged < self._seconds:
            time.sleep(0.4)
            unchanged = 0 if self._pulse[0] != last else unchanged + 0.4
            last = self._pulse[0]
        os.kill(os.getppid(), signal.SIGKILL)
