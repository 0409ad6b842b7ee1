"""The thread that works for one job after another."""

import os
import threading
import time
from functools import partial

import pytest

from greeter.jobs.worker.ticker import Ticker
from tests.conftest import PATIENCE, wait_for


def test_one_thread_works_for_all_jobs() -> None:
    """A function is called again and again while its body runs, and not any more when the next one's does."""
    ticker = Ticker(0.001)
    calls: list[tuple[int, int]] = []
    for job in range(3):
        with ticker.calling(partial(lambda job: calls.append((job, threading.get_ident())), job)):
            wait_for(partial(lambda job: len([one for one, _ in calls if one == job]) > 2, job))
    assert [job for job, _ in calls] == sorted(job for job, _ in calls)
    assert len({thread for _, thread in calls}) == 1


def test_the_end_of_a_job_waits_for_a_call_that_is_under_way() -> None:
    """So nothing is reported of a job after its end."""
    ticker, began, goes_on, ended = Ticker(0.001), threading.Event(), threading.Event(), threading.Event()

    def call() -> None:
        began.set()
        goes_on.wait(PATIENCE)

    def job() -> None:
        with ticker.calling(call):
            began.wait(PATIENCE)
        ended.set()

    thread = threading.Thread(target=job)
    thread.start()
    assert began.wait(PATIENCE)
    assert not ended.wait(0.1)
    goes_on.set()
    thread.join()
    assert ended.is_set()


def test_an_exception_is_logged_and_the_calls_go_on(caplog: pytest.LogCaptureFixture) -> None:
    """A bug in one report does not end the heartbeats of this job, or of the next one."""
    ticker, calls = Ticker(0.001), []

    def fail() -> None:
        calls.append(1)
        raise ValueError("no")

    with ticker.calling(fail):
        wait_for(lambda: len(calls) > 1)
    assert "ValueError: no" in caplog.text


def test_a_forked_process_starts_a_thread_of_its_own() -> None:
    """A fork has none of the threads of its parent."""
    ticker, calls = Ticker(0.001), []
    with ticker.calling(lambda: calls.append(1)):
        wait_for(lambda: calls)
    with ticker._lock:  # so that the thread does not have it, as where workers fork
        child = os.fork()
    if child == 0:
        with ticker.calling(lambda: os._exit(7)):
            time.sleep(PATIENCE)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
