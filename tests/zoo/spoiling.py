"""Tools that spoil the process in which they run, or notice that their folder has gone."""

import os
import resource
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from wtforms import FloatField, Form, IntegerField, StringField

from greeter.toolkit import Job, tool

KEPT: list[int] = []
LEAKED: list[bytes] = []


class What(Form):
    """What to spoil."""

    what = StringField()


class Seconds(Form):
    """The duration."""

    seconds = FloatField()


@tool("Uses all descriptors", form=Form)
def exhaust(job: Job) -> dict[str, Any]:
    """Open files until the kernel refuses, and keep them open."""
    while True:
        KEPT.append(os.open("/dev/null", os.O_RDONLY))


@tool("Spoils its process", form=What)
def spoil(job: Job, what: str) -> dict[str, Any]:
    """Change something that later jobs need."""
    match what:
        case "descriptors":
            with suppress(OSError):
                exhaust(job)
        case "threads":
            for _ in range(20):
                threading.Thread(target=time.sleep, args=[600], daemon=True).start()
        case "memory":
            LEAKED.append(bytes(600 * 2**20))
        case "working directory":
            with tempfile.TemporaryDirectory() as folder:
                os.chdir(folder)
        case "umask":
            os.umask(0o777)
        case "time":
            time.time = time.monotonic = lambda: 0.0
            time.sleep = lambda _: None
            threading.Event().wait(2)
        case "streams":
            sys.stdout.close()
            sys.stderr.close()
        case "modules":
            Job.track = None  # type: ignore[assignment, method-assign]
        case "celery":
            for name in [name for name in sys.modules if name.startswith("celery.")]:
                del sys.modules[name]
        case "user":
            os.setuid(65534)  # which cannot write to the folder of the job
        case "limit":
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    return {}


class Files(Form):
    """How many files."""

    files = IntegerField()


@tool("Writes empty files", form=Files)
def litter(job: Job, files: int) -> dict[str, Any]:
    """Write empty result files."""
    for number in range(files):
        job.open(f"{number}.txt").close()
    return {}


class Times(Form):
    """How often."""

    times = IntegerField()


@tool("Finds no room for a process at first", form=Times)
def crowd(job: Job, times: int) -> dict[str, Any]:
    """Run a program that the system refuses to start in the first attempts; see `refusing` in conftest.py."""
    tried = job.folder.parents[1] / "tried"
    with tried.open("a") as file:
        file.write("x")
    if len(tried.read_text()) <= times:
        Path(os.environ["REFUSES"]).touch()
    job.run(["true"])
    return {}


class Depth(Seconds):
    """How deep, and the duration after that."""

    depth = IntegerField()


@tool("Writes deep folders", form=Depth)
def burrow(job: Job, depth: int, seconds: float) -> dict[str, Any]:
    """Create folders, each in the one before, wait, and write a file."""
    job.open("first.txt").close()
    folder = os.open(job.folder / "outputs", os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("a", dir_fd=folder)
        inner = os.open("a", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(folder)
    job.at(1)
    time.sleep(seconds)
    return {}


@tool("Writes many files", form=Seconds)
def write_often(job: Job, seconds: float) -> dict[str, Any]:
    """Create a result file, again and again."""
    for _ in job.track(range(int(seconds * 10))):
        time.sleep(0.1)
        with job.open("now.txt") as file:
            file.write(str(Path.cwd()))
    return {"process": os.getpid()}


@tool("Leaks", form=Seconds)
def leak(job: Job, seconds: float) -> dict[str, Any]:
    """Use all descriptors and many threads, go on for a while, and keep everything."""
    spoil(job, what="threads")
    spoil(job, what="descriptors")
    for _ in job.track(range(int(seconds * 10))):
        time.sleep(0.1)
    return {}
