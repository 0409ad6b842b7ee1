"""Tools that end in every way that a tool can end."""

import os
import signal
import time
from contextlib import suppress
from typing import Any

from wtforms import Form

from greeter.core import Job, SoftTimeLimitExceeded, ToolError, tool


class Nothing(Form):
    """A form without fields."""


@tool("Blames its user", form=Nothing)
def blame(job: Job) -> dict[str, Any]:
    """Raise a ToolError."""
    raise ToolError("There is no gene in this sequence. Try another one.")


@tool("Has a bug", form=Nothing)
def stumble(job: Job) -> dict[str, Any]:
    """Raise what nobody expected."""
    raise ZeroDivisionError("secret detail")


@tool("Returns what JSON cannot hold", form=Nothing)
def mumble(job: Job) -> dict[str, Any]:
    """Return an object."""
    return {"answer": object()}


@tool("Needs too much memory", form=Nothing)
def gorge(job: Job) -> dict[str, Any]:
    """Raise a MemoryError."""
    raise MemoryError


@tool("Ignores the time", form=Nothing, soft_time_limit=1)
def dawdle(job: Job) -> dict[str, Any]:
    """Take longer than the soft time limit, and do not look at it."""
    time.sleep(30)
    return {}


@tool("Swallows the soft time limit", form=Nothing, soft_time_limit=1)
def cling(job: Job) -> dict[str, Any]:
    """Take longer than the hard time limit."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        with suppress(SoftTimeLimitExceeded):
            time.sleep(30)
    return {}


@tool("Returns what it has", form=Nothing, soft_time_limit=1)
def yield_some(job: Job) -> dict[str, Any]:
    """Return a fallback at the soft time limit."""
    done = []
    try:
        for number in job.track(range(100), unit="sheep"):
            time.sleep(0.3)
            done.append(number)
    except SoftTimeLimitExceeded:
        return job.fallback({"counted": len(done)})
    return {"counted": len(done)}


@tool("Loses its process", form=Nothing)
def vanish(job: Job) -> dict[str, Any]:
    """Kill the process that runs the job."""
    os.kill(os.getpid(), signal.SIGKILL)
    return {}
