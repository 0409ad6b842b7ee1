"""How a task calls the function of a tool."""

import os
import pickle
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import TracebackType
from typing import Any, cast

import pytest
from celery.exceptions import Retry, WorkerLostError

from greeter.jobs.failures import ToolFailure, failure_result
from greeter.jobs.worker.registration import max_cores
from greeter.jobs.worker.task import ToolTask
from greeter.settings import Settings
from greeter.toolkit import Job, ProgramError, SoftTimeLimitExceeded, ToolError
from greeter.toolkit.tool import Tool
from greeter.tools import load


@pytest.fixture(autouse=True)
def _signal_as_before() -> Iterator[None]:
    before = signal.getsignal(signal.SIGUSR1)
    yield
    signal.signal(signal.SIGUSR1, before)


def tool(function: Callable[[Job], Any], **changes: Any) -> Tool:
    """Return a tool without parameters."""
    return replace(load()["nap"], function=function, **changes)


def call(function: Callable[[Job], Any], folder: Path, due: bool = True) -> dict[str, Any]:
    """Call a function as a task does, whose soft limit has been reached or not."""
    return ToolTask(tool(function), 10, 10, 1000)._call(Job(folder), {}, lambda: due)


def interrupt(job: Job | None = None) -> dict[str, Any]:
    """Send this process the signal that Celery sends at the soft limit."""
    os.kill(os.getpid(), signal.SIGUSR1)
    return {"interrupted": False}


def test_the_soft_limit_interrupts_only_the_tool(tmp_path: Path) -> None:
    """Storing the result may have to wait for Redis, and must not be interrupted."""
    with pytest.raises(SoftTimeLimitExceeded):
        call(interrupt, tmp_path)
    assert interrupt() == {"interrupted": False}
    assert call(lambda job: {"done": True}, tmp_path) == {"done": True}
    assert interrupt() == {"interrupted": False}


def test_a_signal_before_the_soft_limit_is_ignored(tmp_path: Path) -> None:
    """Another program may have sent it."""
    assert call(interrupt, tmp_path, due=False) == {"interrupted": False}


@pytest.mark.parametrize("result", [None, ["a"], "a"])
def test_a_result_must_be_a_dict(tmp_path: Path, result: object) -> None:
    """Anything else is a bug of the tool."""
    with pytest.raises(TypeError, match="instead of a dict"):
        call(lambda job: result, tmp_path)


@pytest.mark.parametrize("error", [SystemExit(3), Retry("3"), WorkerLostError("3")])
def test_what_celery_or_python_raises_is_a_bug_if_a_tool_raises_it(tmp_path: Path, error: BaseException) -> None:
    """It does not end the process or the task. The log has the line of the tool."""

    def leave(job: Job) -> None:
        raise error

    with pytest.raises(RuntimeError, match=f"{type(error).__name__}: 3") as raised:
        call(leave, tmp_path)
    assert raised.traceback[-1].name == "leave"


class Reduced(str):
    """A text with code for pickle."""

    def __str__(self) -> str:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return list, ()


class NoOutputError(ProgramError):
    """An error whose author has forgotten to call the method of its class."""

    def __init__(self) -> None:
        pass

    def __str__(self) -> str:
        return "It failed. Try again."


@pytest.mark.parametrize(
    "error",
    [
        subprocess.CalledProcessError(1, ["x" * 10_000], output=b"y" * 1_000_000),
        ProgramError("x" * 10_000, 1, "y" * 1_000_000),
        ValueError(Reduced("x")),
        ToolError(Reduced("x")),
        NoOutputError(),
    ],
)
def test_what_the_main_process_gets_of_an_error_is_small(error: Exception) -> None:
    """An error can have the output of a program, code for pickle, or bugs of its own."""
    sent = pickle.dumps(ToolFailure.summarize(error))
    assert len(sent) < 10_000
    assert failure_result(pickle.loads(sent)) == failure_result(error)


def test_the_end_of_the_output_of_a_failed_program_is_kept() -> None:
    """Its last lines say what was wrong. A tool may pass bytes."""
    assert str(failure_result(ProgramError("x", 1, "y" * 1_000_000 + "the end"))["output"]).endswith("the end")
    assert failure_result(ProgramError("x", 1, cast(str, b"end")))["output"] == "b'end'"


def test_the_main_process_gets_the_last_frames_of_a_traceback() -> None:
    """A tool can raise the limit of recursion."""
    trace = None
    for line in range(1, 5001):
        trace = TracebackType(trace, sys._getframe(), 0, line)
    failure = ToolFailure.summarize(ValueError().with_traceback(trace))
    assert [line for _, line in traceback.walk_tb(failure.__traceback__)] == list(range(1000, 0, -1))


def test_a_missing_library_is_an_error_at_the_start() -> None:
    """Otherwise the jobs of its tool would wait forever."""
    with pytest.raises(PackageNotFoundError):
        ToolTask(tool(interrupt, libraries=("no-such-library",)), 10, 10, 1000)


def test_a_job_names_the_versions_of_programs_and_data() -> None:
    """Beside those of libraries, and as they are when it starts."""
    versions = ToolTask(load()["equipped"], 10, 10, 1000)._versions()
    assert versions["sh"] == "1.2"
    assert versions["This file"] == '"""Tools that need a program."""'


def test_a_job_starts_although_its_versions_cannot_be_read(caplog: pytest.LogCaptureFixture) -> None:
    """An exception before the job is claimed would leave it waiting forever."""
    task = ToolTask(tool(interrupt, data={"UniProt": Path("\0")}), 10, 10, 1000)
    assert task._versions() == task.versions
    assert "cannot read the versions of the programs and data of nap" in caplog.text


def test_a_job_gets_an_equal_share_of_the_cores() -> None:
    """Unless JOB_CORES gives another number."""
    cores = len(os.sched_getaffinity(0))
    assert max_cores(Settings(worker_concurrency=1)) == cores
    assert max_cores(Settings(worker_concurrency=cores + 1)) == 1
    assert max_cores(Settings(worker_concurrency=cores + 1, job_cores=7)) == 7
