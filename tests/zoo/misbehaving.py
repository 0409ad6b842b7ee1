"""Tools that fail in different ways, or that a test can observe and interrupt."""

import mmap
import os
import signal
import sys
import time
from contextlib import suppress
from errno import EAGAIN
from pathlib import Path
from typing import IO, Any

import celery.exceptions
from wtforms import FloatField, Form, StringField
from wtforms.validators import DataRequired

from greeter.toolkit import FileField, Job, SoftTimeLimitExceeded, ToolError, tool


class Nothing(Form):
    """A form without fields."""


@tool("Raises ToolError", form=Nothing)
def blame(job: Job) -> dict[str, Any]:
    """Raise a ToolError, as for unsuitable input."""
    raise ToolError("There is no gene in this sequence. Try another one.")


@tool("Has a bug", form=Nothing)
def stumble(job: Job) -> dict[str, Any]:
    """Raise an unexpected exception."""
    raise ZeroDivisionError("secret detail")


@tool("Returns an object", form=Nothing)
def mumble(job: Job) -> dict[str, Any]:
    """Return an object that JSON cannot represent."""
    return {"answer": object()}


@tool("Runs out of memory", form=Nothing)
def gorge(job: Job) -> dict[str, Any]:
    """Raise a MemoryError."""
    raise MemoryError


@tool("Finds connections", form=Nothing)
def inherit(job: Job) -> dict[str, Any]:
    """Count the network connections that this process shares with the main process of its worker."""
    ours, theirs = (
        {path.readlink() for path in Path(f"/proc/{process}/fd").iterdir() if path.is_symlink()}
        for process in (os.getpid(), os.getppid())
    )
    table = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
    inodes = {f"socket:[{line.split()[9]}]" for line in table.splitlines() if ":" in line.split()[0]}
    return {"shared": len(inodes & {*map(str, ours & theirs)})}


@tool("Prints", form=Nothing)
def chatter(job: Job) -> dict[str, Any]:
    """Print, as some libraries do."""
    print("a line")
    print("a line", file=sys.stderr, flush=True)
    return {}


@tool("Raises a huge error", form=Nothing)
def lament(job: Job) -> dict[str, Any]:
    """Raise an error with a long message."""
    raise ValueError("y" * 1_000_000)


class AmbushError(Exception):
    """An error that ends any other process which unpickles it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (f"import os, sys\nif os.getpid() != {os.getpid()}: sys.exit(3)",)


@tool("Raises an error that ends its reader", form=Nothing)
def ambush(job: Job) -> dict[str, Any]:
    """Raise an error whose copy in the main process would end that process."""
    raise AmbushError("no")


@tool("Says that its process was lost", form=Nothing)
def pretend_loss(job: Job) -> dict[str, Any]:
    """Raise what Celery raises when a process is lost."""
    raise celery.exceptions.WorkerLostError("no")


@tool("Raises an error that is its own context", form=Nothing)
def revolve(job: Job) -> dict[str, Any]:
    """Raise an error whose context has that error as its context."""
    error, other = ValueError("no"), ValueError("other")
    error.__context__, other.__context__ = other, error
    raise error


@tool("Runs out of memory late", form=Nothing)
def gorge_late(job: Job) -> dict[str, Any]:
    """Let what is done after the tool, for the files of this job, raise a MemoryError."""
    from greeter.jobs.worker import task  # here, because the web has these tools too

    names = vars(task)

    def fail_once(*_: object) -> None:
        names["draw_pictures"] = real
        raise MemoryError

    real, names["draw_pictures"] = names["draw_pictures"], fail_once
    job.open("empty.txt").close()
    return {}


@tool("Maps too much memory", form=Nothing)
def sprawl(job: Job) -> dict[str, Any]:
    """Map more memory than there are addresses."""
    mmap.mmap(-1, 2**60)
    return {}


@tool("Finds no room for a process", form=Nothing)
def squeeze(job: Job) -> dict[str, Any]:
    """Raise what fork raises at the limit of processes."""
    raise BlockingIOError(EAGAIN, os.strerror(EAGAIN))


@tool("Ignores the soft time limit", form=Nothing, soft_time_limit=1)
def dawdle(job: Job) -> dict[str, Any]:
    """Run longer than the soft time limit without handling it."""
    time.sleep(30)
    return {}


@tool("Suppresses the soft time limit", form=Nothing, soft_time_limit=1)
def cling(job: Job) -> dict[str, Any]:
    """Run longer than the hard time limit."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        with suppress(SoftTimeLimitExceeded):
            time.sleep(30)
    return {}


@tool("Returns a fallback", form=Nothing, soft_time_limit=1)
def yield_some(job: Job) -> dict[str, Any]:
    """Return a fallback at the soft time limit."""
    done = []
    try:
        for number in job.track(range(100), unit="sheep"):
            time.sleep(0.3 if number else 0)  # so that at least one is done at the time limit, whenever that comes
            done.append(number)
    except SoftTimeLimitExceeded:
        return job.fallback({"counted": len(done)})
    return {"counted": len(done)}


@tool("Kills its process", form=Nothing)
def vanish(job: Job) -> dict[str, Any]:
    """Kill the process that runs the job, as the out-of-memory killer does."""
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


@tool("Blocks the interpreter", form=Nothing, soft_time_limit=2)
def hog(job: Job) -> dict[str, Any]:
    """Block all threads for about a minute in one call that keeps the GIL."""
    return {"sum": sum(range(6 * 10**9))}


@tool("Fills the disk", form=Nothing)
def flood(job: Job) -> dict[str, Any]:
    """Write to a full device."""
    with Path("/dev/full").open("w") as full:
        full.write("x")
    return {}


class Seconds(Form):
    """The duration."""

    seconds = FloatField()


def _id(job: Job) -> str:
    return job.folder.parents[1].name


def _diary(job: Job) -> IO[str]:
    path = os.environ.get("DIARY", job.folder.parents[3] / "diary")  # the nemesis fills that disk
    return Path(path).open("a", buffering=1)


def _may_end(job: Job) -> bool:
    """Return whether a test has created the file `enough` in DATA_DIR: a busy machine needs jobs of any length."""
    return os.access(job.folder.parents[3] / "enough", os.F_OK)


@tool("Keeps a diary", form=Seconds)
def diary(job: Job, seconds: float) -> dict[str, Any]:
    """Log its start, each tenth of a second and its end to a file that all jobs share."""
    with _diary(job) as entries:

        def enter(what: str) -> None:
            entries.write(f"{_id(job)} {what} {os.getpid()}\n")

        enter("start")
        try:
            for _ in job.track(range(int(seconds * 10))):
                if _may_end(job):
                    break
                time.sleep(0.1)
                enter("goes on")
            return {"slept": seconds}
        except SoftTimeLimitExceeded:
            return job.fallback({"slept": "not all of it"})
        finally:
            enter("end")


@tool("Keeps a diary for long", form=Seconds, queue="long")
def long_diary(job: Job, seconds: float) -> dict[str, Any]:
    """Do the same in another queue."""
    return dict(diary.function(job, seconds=seconds))


@tool("Runs a program", form=Seconds)
def outsource(job: Job, seconds: float) -> dict[str, Any]:
    """Run a program that starts background processes, one of them in another session, and does not wait for them."""
    program = "setsid sleep 300 & (sleep 300 & sleep 300) & echo started; sleep " + str(seconds)
    with _diary(job) as entries:
        entries.write(f"{_id(job)} start {os.getpid()}\n")
        job.run(["sh", "-c", program], stdout="output.txt")
        entries.write(f"{_id(job)} end {os.getpid()}\n")
    with job.open("output.txt", "r") as output:
        return {"output": output.read()}


@tool("Runs a program until the soft time limit", form=Seconds, soft_time_limit=4)
def outsource_briefly(job: Job, seconds: float) -> dict[str, Any]:
    """Run `outsource` with a time limit of its own."""
    return dict(outsource.function(job, seconds=seconds))


@tool("Restarts its program", form=Nothing, soft_time_limit=2)
def outsource_and_cling(job: Job) -> dict[str, Any]:
    """Run a program again each time the soft time limit interrupts it."""
    while True:
        with suppress(SoftTimeLimitExceeded):
            job.run(["sh", "-c", "setsid sleep 300 & sleep 300"], stdout="output.txt")


@tool("Sleeps", form=Nothing)
def nap(job: Job) -> dict[str, Any]:
    """Sleep for ten minutes in one call."""
    time.sleep(600)
    return {}


@tool("Suppresses the soft time limit for long", form=Nothing)
def cling_for_long(job: Job) -> dict[str, Any]:
    """Run `cling` with the time limits of the site."""
    return cling(job)


@tool("Blocks the interpreter for long", form=Nothing)
def hog_for_long(job: Job) -> dict[str, Any]:
    """Run `hog` with the time limits of the site."""
    return hog(job)


@tool("Writes a file", form=Seconds)
def scribble(job: Job, seconds: float) -> dict[str, Any]:
    """Write the id of the process into a result file every tenth of a second."""
    with job.open("lines.txt", "a") as lines:
        for number in range(int(seconds * 10)):
            if _may_end(job):
                return {"lines": number}
            time.sleep(0.1)
            lines.write(f"{os.getpid()}\n")
            lines.flush()
    return {}


class Given(Seconds):
    """A text, and how long to change it."""

    given = FileField(validators=[DataRequired()], paste=True)


@tool("Changes its input", form=Given)
def edit(job: Job, seconds: float, given: Path) -> dict[str, Any]:
    """Write the id of the process into its input every tenth of a second, and return what was in it at first."""
    first = given.read_text()
    for _ in job.track(range(int(seconds * 10))):
        with given.open("a") as file:
            file.write(f"{os.getpid()}\n")
        if _may_end(job):
            break
        time.sleep(0.1)
    return {"given": first}


class Words(Form):
    """Any text."""

    words = StringField()


@tool("Raises an exception of Celery", form=Words)
def impersonate(job: Job, words: str) -> dict[str, Any]:
    """Raise the exception of Celery with this name."""
    raise getattr(celery.exceptions, words)("from the tool")


@tool("Repeats its input", form=Words)
def gossip(job: Job, words: str) -> dict[str, Any]:
    """Raise an exception whose message contains the input."""
    raise ValueError(f"words: {words}")


@tool("Returns too much", form=Nothing)
def ramble(job: Job) -> dict[str, Any]:
    """Return 60 MB."""
    return {"answer": "x" * 60_000_000}


@tool("Returns NaN", form=Nothing)
def divide(job: Job) -> dict[str, Any]:
    """Return a number that JSON cannot represent."""
    return {"answer": float("nan")}


@tool("Reports too much", form=Nothing)
def boast(job: Job) -> dict[str, Any]:
    """Report progress with a unit of 10 MB, and raise a ToolError of 10 MB."""
    for _ in job.track("abc", unit="x" * 10_000_000):
        time.sleep(0.2)
    raise ToolError("y" * 10_000_000)


@tool("Suspends its worker", form=Nothing)
def freeze(job: Job) -> dict[str, Any]:
    """Suspend the main process of the worker, and go on until that is killed."""
    os.kill(os.getppid(), signal.SIGSTOP)
    time.sleep(1000)
    return {}
