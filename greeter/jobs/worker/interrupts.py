"""The signals that can interrupt or end the process of a job while its tool runs."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from celery.exceptions import SoftTimeLimitExceeded

SOFT_LIMIT_SIGNAL = signal.SIGUSR1  # as in Celery
_ALARM_MARGIN = 10  # seconds
_FATAL = (signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP, signal.SIGALRM)


@contextmanager
def interruptible(hard_limit: float, is_due: Callable[[], bool]) -> Iterator[None]:
    """Let signals interrupt the body, which is the call of a tool, and nothing else.

    SIGUSR1 raises SoftTimeLimitExceeded, once, if the job is due to stop; another program may send it too early.
    From now on, SIGTERM, SIGQUIT and SIGHUP end the process at once, so that the job counts as lost: billiard's own
    handler would raise SystemExit in the tool. A handler that the tool sets is removed after it. The kernel's alarm
    ends a process that has exceeded its hard limit (in seconds), even if the worker hangs and the tool holds the
    interpreter lock.
    """
    interrupted = False

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        nonlocal interrupted
        if not interrupted and is_due():
            interrupted = True
            raise SoftTimeLimitExceeded

    _remove_handlers()
    signal.setitimer(signal.ITIMER_REAL, hard_limit + _ALARM_MARGIN)
    signal.signal(SOFT_LIMIT_SIGNAL, interrupt)
    try:
        yield
    finally:
        signal.signal(SOFT_LIMIT_SIGNAL, signal.SIG_IGN)  # storing the result may have to wait for Redis
        signal.setitimer(signal.ITIMER_REAL, 0)
        _remove_handlers()


def _remove_handlers() -> None:
    for number in _FATAL:
        signal.signal(number, signal.SIG_DFL)
