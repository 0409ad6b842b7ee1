"""Tools that end in every way that a tool can end."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from wtforms import FloatField, Form, StringField

from greeter.toolkit import Job, SoftTimeLimitExceeded, ToolError, tool


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


@tool("Holds the interpreter", form=Nothing, soft_time_limit=2)
def hog(job: Job) -> dict[str, Any]:
    """Be in one call that lets no other thread run, for a minute or so."""
    return {"sum": sum(range(6 * 10**9))}


@tool("Fills the disk", form=Nothing)
def flood(job: Job) -> dict[str, Any]:
    """Write where there is no room."""
    with Path("/dev/full").open("w") as full:
        full.write("x")
    return {}


class Seconds(Form):
    """How long to take."""

    seconds = FloatField()


@tool("Keeps a diary", form=Seconds)
def diary(job: Job, seconds: float) -> dict[str, Any]:
    """Write down its start, each tenth of a second and its end, where all jobs do."""
    with (job.folder.parents[1] / "diary").open("a", buffering=1) as entries:

        def enter(what: str) -> None:
            entries.write(f"{job.folder.name} {what} {os.getpid()}\n")

        enter("start")
        try:
            for _ in job.track(range(int(seconds * 10))):
                time.sleep(0.1)
                enter("goes on")
            return {"slept": seconds}
        except SoftTimeLimitExceeded:
            return job.fallback({"slept": "not all of it"})
        finally:
            enter("end")


@tool("Runs a program", form=Seconds, soft_time_limit=4)
def outsource(job: Job, seconds: float) -> dict[str, Any]:
    """Run a program that starts others, one of which leaves its session, and waits for none."""
    program = "setsid sleep 300 & (sleep 300 & sleep 300) & echo started; sleep " + str(seconds)
    with (job.folder.parents[1] / "diary").open("a", buffering=1) as entries:
        entries.write(f"{job.folder.name} start {os.getpid()}\n")
        job.run(["sh", "-c", program], stdout="said.txt")
        entries.write(f"{job.folder.name} end {os.getpid()}\n")
    with job.open("said.txt", "r") as said:
        return {"said": said.read()}


@tool("Runs a program and clings to it", form=Nothing, soft_time_limit=2)
def outsource_and_cling(job: Job) -> dict[str, Any]:
    """Run a program again each time that it is told to stop."""
    while True:
        with suppress(SoftTimeLimitExceeded):
            job.run(["sh", "-c", "setsid sleep 300 & sleep 300"], stdout="said.txt")


@tool("Sleeps", form=Nothing)
def nap(job: Job) -> dict[str, Any]:
    """Be in one call for a minute, without looking at the time."""
    time.sleep(60)
    return {}


@tool("Swallows every wish that it stop", form=Nothing)
def cling_for_long(job: Job) -> dict[str, Any]:
    """Do so without a time limit that would end it soon."""
    return cling(job)


@tool("Holds the interpreter for long", form=Nothing)
def hog_for_long(job: Job) -> dict[str, Any]:
    """Do so without a time limit that would end it soon."""
    return hog(job)


class Words(Form):
    """What to say."""

    words = StringField()


@tool("Says what it was told", form=Words)
def gossip(job: Job, words: str) -> dict[str, Any]:
    """Put its input where logs are made of."""
    raise ValueError(f"words: {words}")
