"""A tool's function as the process that runs jobs calls it."""

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest

from greeter.jobs.task import ToolTask
from greeter.toolkit import Job, SoftTimeLimitExceeded
from greeter.toolkit.tool import Tool
from greeter.tools import load
from tests.conftest import Installation


@pytest.fixture(autouse=True)
def _signal_as_before() -> Iterator[None]:
    before = signal.getsignal(signal.SIGUSR1)
    yield
    signal.signal(signal.SIGUSR1, before)


def tool(function: Callable[[Job], Any], **changes: Any) -> Tool:
    """A tool without parameters."""
    return replace(load()["nap"], function=function, **changes)


def call(function: Callable[[Job], Any], folder: Path) -> dict[str, Any]:
    """Call it as a task does."""
    return ToolTask(tool(function), 10, 10)._call(Job(folder), {})


def strike(job: Job | None = None) -> dict[str, Any]:
    """Do to this process what Celery does at the soft limit."""
    os.kill(os.getpid(), signal.SIGUSR1)
    return {"struck": False}


def test_the_limit_strikes_the_tool_and_not_what_tells_its_end(tmp_path: Path) -> None:
    """That may wait for a Redis that is away, and the result must not be lost meanwhile."""
    with pytest.raises(SoftTimeLimitExceeded):
        call(strike, tmp_path)
    assert strike() == {"struck": False}
    assert call(lambda job: {"done": True}, tmp_path) == {"done": True}
    assert strike() == {"struck": False}


@pytest.mark.parametrize("result", [None, ["a"], "a"])
def test_what_no_page_can_show_is_no_result(tmp_path: Path, result: object) -> None:
    """It is a bug of the tool, and told as one."""
    with pytest.raises(TypeError, match="instead of a dict"):
        call(lambda job: result, tmp_path)


def test_a_tool_that_leaves_does_not_take_its_process_with_it(tmp_path: Path) -> None:
    """As a script that became a tool may do."""

    def leave(job: Job) -> None:
        raise SystemExit(3)

    with pytest.raises(RuntimeError, match=r"sys\.exit\(3\)"):
        call(leave, tmp_path)


def test_a_library_that_is_not_there_is_told_at_the_start() -> None:
    """And not by jobs that wait for ever."""
    with pytest.raises(PackageNotFoundError):
        ToolTask(tool(strike, libraries=("no-such-library",)), 10, 10)


@pytest.mark.slow
def test_a_job_of_a_tool_that_is_gone_fails(installation: Installation) -> None:
    """With a sentence; it would wait for ever otherwise."""
    gone = replace(load()["nap"], name="gone")
    record = installation.ended(installation.jobs.submit(gone, {}))
    assert (record.phase, record.user_message) == (
        "failed",
        "This tool is no longer available here. Choose another one on the front page.",
    )
