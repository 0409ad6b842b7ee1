"""A job in a terminal: its progress bar, and Ctrl-C."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from greeter.jobs.progress import stage
from greeter.jobs.worker.ticker import Ticker
from greeter.toolkit import Job, SoftTimeLimitExceeded

_REFRESH = 0.1  # seconds


@contextmanager
def progress_bar(job: Job) -> Iterator[None]:
    """Show the progress of a job on standard error while the body runs."""
    from tqdm import tqdm  # here, because the web does not need it

    with tqdm() as bar:

        def show() -> None:
            if progress := job.progress:
                bar.n, bar.total, bar.unit = progress["current"], progress["total"], " " + progress["unit"]
                bar.set_description(stage(progress), refresh=False)
            bar.refresh()

        try:
            with Ticker(_REFRESH).calling(show):
                yield
        finally:
            show()


@contextmanager
def interruptible() -> Iterator[None]:
    """Let the first Ctrl-C raise SoftTimeLimitExceeded in the body, and a second one KeyboardInterrupt."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, usual)
        raise SoftTimeLimitExceeded

    usual = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
