"""The thread that reports the progress of a job and sends its heartbeats while the tool runs."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

import redis

from greeter.jobs.record import ReportedProgress
from greeter.jobs.store import Order
from greeter.toolkit.job import Job

Reply = TypeVar("Reply")

_INTERVAL = 0.34  # seconds between reports: with the final one, at most four in any second
_REPORTS_PER_HEARTBEAT = 3


@contextmanager
def reporting(job: Job, report: Callable[[ReportedProgress], None], heartbeat: Callable[[], Order]) -> Iterator[None]:
    """Report the progress of a job whenever it has changed, and send its heartbeats, while the body runs.

    When a heartbeat returns CANCEL, SoftTimeLimitExceeded is raised in the tool, which can return what it has. When it
    returns ABANDON, this process is killed.

    The final report waits until Redis is available, as the result will: they belong together.
    """
    reported = None
    ended = threading.Event()

    def report_if_changed() -> None:
        nonlocal reported
        progress = job.progress
        if progress and progress != reported:
            report({**progress, "seconds": job.seconds})
            reported = progress

    def run() -> None:
        order = Order.CONTINUE
        count = 0
        while not ended.wait(_INTERVAL):
            count += 1
            with suppress(redis.RedisError):  # try again next time
                report_if_changed()
                if count % _REPORTS_PER_HEARTBEAT == 0 and order == Order.CONTINUE:
                    order = heartbeat()
                    _obey(order)

    thread = threading.Thread(target=run, name="reporting", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        retry_until_available(report_if_changed)


def _obey(order: Order) -> None:
    if order == Order.CANCEL:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)  # as Celery does at the soft limit
    elif order == Order.ABANDON:
        os.kill(os.getpid(), signal.SIGKILL)


def retry_until_available(call: Callable[[], Reply]) -> Reply:
    """Call a function that uses Redis, every second until it succeeds."""
    while True:
        try:
            return call()
        except redis.RedisError:
            time.sleep(1)
