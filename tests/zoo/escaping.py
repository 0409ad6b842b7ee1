"""Tools whose programs, processes and threads try to outlive the job."""

import multiprocessing
import os
import subprocess
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from wtforms import BooleanField, Form, StringField

from greeter.toolkit import Job, SoftTimeLimitExceeded, tool

# A daemon: forks twice, has its own session, no environment and no open files, and ignores every signal that it can.
DAEMON = (
    '(setsid env -i sh -c \'trap "" HUP INT QUIT TERM USR1; cd /; exec <&- >&- 2>&-;'
    "(sleep $0 & while sleep $0; do :; done) & exit' {length} &); sleep {length}"
)


class Length(Form):
    """For how many seconds the programs sleep, which also identifies them, and whether the tool waits for them."""

    length = StringField()
    wait = BooleanField()


@tool("Starts a daemon", form=Length)
def daemonize(job: Job, length: str, wait: bool) -> dict[str, Any]:
    """Run a program that leaves a daemon behind."""
    program = DAEMON.format(length=length)
    job.run(["sh", "-c", program if wait else program.rpartition(";")[0] + "; sleep 1"], stdout="output.txt")
    return {}


@tool("Starts processes without the guard", form=Length)
def abandon(job: Job, length: str, wait: bool) -> dict[str, Any]:
    """Start a daemon with subprocess instead of `job.run`."""
    program = subprocess.Popen(["sh", "-c", DAEMON.format(length=length)])
    time.sleep(1)
    if wait:
        program.wait()
    return {}


@tool("Leaves threads running", form=Length)
def multithread(job: Job, length: str, wait: bool) -> dict[str, Any]:
    """Start threads that run one program after the other."""

    def run() -> None:
        while not job.folder.with_name("stop").exists():
            with suppress(Exception):
                job.run(["sleep", length], stdout="output.txt")
            time.sleep(0.01)

    for _ in range(3):
        threading.Thread(target=run, daemon=True).start()
    time.sleep(1)
    with suppress(SoftTimeLimitExceeded):
        time.sleep(60 if wait else 0)
    return {}


class Method(Form):
    """How multiprocessing starts processes."""

    method = StringField()


@tool("Uses multiprocessing", form=Method)
def multiprocess(job: Job, method: str) -> dict[str, Any]:
    """Compute in a pool of processes."""
    with ProcessPoolExecutor(2, multiprocessing.get_context(method)) as pool:
        return {"sum": sum(pool.map(abs, range(10)))}


@tool("Forks", form=Method)
def fork(job: Job, method: str) -> dict[str, Any]:
    """Fork, and return or raise in both processes, first in the child."""
    if os.fork():
        time.sleep(2)
        return {"process": "parent"}
    if method == "return":
        return {"process": "child"}
    return os.execv("/no/such/program", ["program"])


@tool("Runs programs in a pool of threads", form=Length, soft_time_limit=3)
def parallelize(job: Job, length: str, wait: bool) -> dict[str, Any]:
    """Run more programs than there are threads, and wait for all of them."""
    try:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda _: job.run(["sleep", length]), range(5)))
    except SoftTimeLimitExceeded:
        job.run(["true"], stdout="end.txt")
        return job.fallback({})
    return {}


@tool("Runs programs in a pool of threads for long", form=Length)
def parallelize_for_long(job: Job, length: str, wait: bool) -> dict[str, Any]:
    """Run `parallelize` with the time limits of the site."""
    return parallelize.function(job, length, wait)
