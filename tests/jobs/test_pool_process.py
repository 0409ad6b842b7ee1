"""Which failures of a job are those of the machine; tests/test_fitness.py has it with whole workers."""

import dataclasses
import os
import threading
from collections.abc import Callable
from errno import EAGAIN, EIO, ESTALE
from pathlib import Path

import pytest

from greeter.jobs.failures import CHANGED_PROCESS, DISK_ERROR, user_message
from greeter.jobs.records.store import Store
from greeter.jobs.worker import fitness
from greeter.jobs.worker.pool_process import PoolProcess, Requeue
from tests.conftest import Installation, free_port

pytestmark = pytest.mark.redis


def test_a_disk_that_was_missing_excuses_a_failure_although_redis_was_too(with_redis: Installation) -> None:
    """The disk is looked at without waiting for Redis, because it may be there again when Redis answers."""
    store, error = with_redis.store, FileNotFoundError("outputs")
    assert fitness.problem(store) is None
    assert PoolProcess(store).assess_failure(error) is None
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    without_redis = PoolProcess(Store(dataclasses.replace(with_redis.settings, redis_url=nowhere)))
    store.files.root.rename(with_redis.settings.data_dir / "missing")
    assert without_redis.assess_failure(error) == Requeue(counted=False, reason=error)


def test_the_machine_is_the_reason_if_it_refuses_threads_to_others_too(
    with_redis: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shortage that is over may have been the job's own, so that attempt counts."""
    process, error = PoolProcess(with_redis.store), BlockingIOError(EAGAIN, "no process")
    assert fitness.problem(with_redis.store) is None
    assert process.assess_failure(error) == Requeue(counted=True, reason=error)
    monkeypatch.setattr(threading, "_start_new_thread", _refuse)
    assert process.assess_failure(error) == Requeue(counted=False, reason=error)


def test_a_job_that_had_an_error_of_a_disk_runs_again(with_redis: Installation) -> None:
    """One that reads and writes without errors when it is checked has to excuse only one attempt."""
    process = PoolProcess(with_redis.store)
    assert fitness.problem(with_redis.store) is None
    for number in (EIO, ESTALE):
        error = OSError(number, os.strerror(number))
        assert process.assess_failure(error) == Requeue(counted=True, reason=error)
        assert user_message(error) == DISK_ERROR


def test_the_log_has_the_reason_but_not_the_message_of_an_error(
    with_redis: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    """The message may quote user input, and have any size. The traceback has it, where it may be logged."""
    assert fitness.problem(with_redis.store) is None
    PoolProcess(with_redis.store).assess_failure(OSError(EIO, "MKVLA"))
    assert caplog.messages == [f"requeuing a job that failed: {os.strerror(EIO)}"]


def _refuse(*_: object) -> None:
    raise RuntimeError("can't start new thread")


def test_a_job_that_changed_its_process_is_not_excused(
    with_redis: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The problem may be its own, so it fails after its last attempt, and its page says why."""
    process = PoolProcess(with_redis.store)
    monkeypatch.chdir(tmp_path)
    found = process.assess_failure(OSError("no such folder"))  # there are no jobs yet
    assert found
    assert (found.counted, str(found.reason)) == (True, CHANGED_PROCESS)


def _break_the_check(_process: PoolProcess) -> None:
    vars(os)["getpriority"] = None


@pytest.mark.parametrize("change", [None, _break_the_check, PoolProcess.mark_for_replacement])
def test_a_process_that_may_be_spoiled_is_replaced(
    with_redis: Installation, change: Callable[[PoolProcess], None] | None
) -> None:
    """A job may have changed what the check uses. The next one would wait forever if the check raised an exception.

    A job that failed with a bug may have changed what cannot be seen.
    """
    forked = os.fork()  # so that this process stays as it is
    if not forked:
        process = PoolProcess(with_redis.store)
        if change:
            change(process)
        process.replace_if_unfit()
        os._exit(os.EX_OK)
    assert os.waitstatus_to_exitcode(os.waitpid(forked, 0)[1]) == (os.EX_TEMPFAIL if change else os.EX_OK)
