"""The end of every process that a job started: with the job, or with the process or the worker that ran it."""

import atexit
import logging
import multiprocessing
import os
import sys
import traceback
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import billiard
import psutil

from greeter.jobs.worker import leftover_processes
from greeter.toolkit.job import Job
from greeter.toolkit.process_guard import adopt_orphans, die_with_parent, terminate_descendants
from greeter.toolkit.process_trees import kill_trees, terminate_orphans

log = logging.getLogger(__name__)

_helpers: Collection[int] | None = None  # None: this is not the main process of a worker


def prepare_worker(installation: str) -> None:
    """Make the main process of a worker adopt the orphans of its dead pool processes."""
    global _helpers
    _helpers = {child.pid for child in psutil.Process().children()}  # not of a job: none has run yet
    adopt_orphans()
    atexit.register(terminate_orphans, _helpers)  # pool processes exit without calling this
    leftover_processes.mark_worker(installation)
    leftover_processes.terminate_all()


def prepare_pool_process() -> None:
    """Protect a pool process from signals to the worker's process group, and have it killed if the worker dies."""
    os.setpgrp()
    _leave_connections()
    die_with_parent()
    adopt_orphans()
    leftover_processes.mark_pool_process()
    logging.raiseExceptions = False  # a tool may close the stream of the log
    _allow_multiprocessing()


def _leave_connections() -> None:
    """Close the network connections of the main process here: a tool may write to any descriptor."""
    with Path(os.devnull).open() as null:
        for connection in psutil.Process().net_connections("inet"):
            os.dup2(null.fileno(), connection.fd)  # an object that has this descriptor may close it later


@contextmanager
def contained(job: Job) -> Iterator[None]:
    """End every process that a job started while the body ran.

    If the tool forked this process, the child exits here. Otherwise, it would also report a result and take jobs.
    """
    process = os.getpid()
    try:
        yield
    except BaseException as error:
        if os.getpid() != process:
            log.exception("the tool raised this in a process that it forked")
        _forget_variables(error)
        raise
    finally:
        if os.getpid() != process:
            os._exit(os.EX_SOFTWARE)
        job.close()
        _stop_fork_server()
        terminate_descendants()


def terminate_leftovers() -> None:
    """Terminate what lost pool processes and workers left behind. Does nothing outside a worker's main process."""
    if _helpers is None:
        return
    pool = {process.pid for process in billiard.active_children() if process.pid}
    terminate_orphans(pool.union(_helpers))
    leftover_processes.terminate_all()


def kill_pool_process(pid: int | None) -> None:
    """Kill the process with this id if it belongs to the pool of this worker. The pool replaces it."""
    if pid and pid in {process.pid for process in billiard.active_children()}:
        kill_trees(pid)


def kill_pool() -> None:
    """Kill all processes of the pool, in the main process of a worker that is stopping."""
    kill_trees(*{child.pid for child in psutil.Process().children()}.difference(_helpers or ()))


def exit_at_once() -> NoReturn:
    """End every process that a job started, and the main process of a worker without waiting for its threads."""
    try:
        kill_pool()
        terminate_orphans(_helpers or ())
    finally:
        os._exit(os.EX_OK)


def _allow_multiprocessing() -> None:
    """Let tools use multiprocessing.

    billiard forbids child processes in its daemons because it cannot clean them up. `contained` can.
    """
    config = multiprocessing.current_process()._config  # type: ignore[attr-defined]
    config["daemon"] = False
    # A child process cannot get billiard's.
    config["authkey"] = multiprocessing.process.AuthenticationString(os.urandom(32))  # type: ignore[attr-defined]


def _stop_fork_server() -> None:
    """Stop multiprocessing's fork server cleanly. If it were killed instead, the next job to use it would fail."""
    if module := sys.modules.get("multiprocessing.forkserver"):
        module._forkserver._stop()


def _forget_variables(error: BaseException | None) -> None:
    """Clear the local variables in the traceback of an error, which Celery keeps for a while."""
    cleared: set[int] = set()
    while error is not None and id(error) not in cleared:  # a tool can make an error its own context
        cleared.add(id(error))
        traceback.clear_frames(error.__traceback__)
        error = error.__context__
