"""The limits of a job on its process, and the end of every process that it started."""

from __future__ import annotations

import atexit
import ctypes
import gc
import logging
import multiprocessing
import os
import resource
import sys
import traceback
from collections.abc import Collection, Iterator
from contextlib import contextmanager, nullcontext, suppress
from errno import EMFILE
from pathlib import Path

import billiard
import psutil

from greeter.jobs import survivors
from greeter.toolkit.job import Job
from greeter.toolkit.process_guard import adopt_orphans, die_with_parent, kill_descendants
from greeter.toolkit.process_trees import kill_orphans, kill_trees
from greeter.toolkit.threads import limited_threads, thread_variables

log = logging.getLogger(__name__)

_OOM_SCORE = "500"  # of at most 1000: the kernel kills a job before the worker, Redis or the web

_SPARE_DESCRIPTORS = 16
_MIN_DESCRIPTORS = 64  # that a job can use
_LITTLE = 16 * 2**20  # bytes that earlier jobs may leave in the memory of a process; looking for them takes time

_helpers: Collection[int] | None = None  # None: this is not the main process of a worker
_settled_memory = 0  # private memory of this process after free memory was last returned


def limit_threads() -> None:
    """Let the libraries that this process and its children load later use one thread each."""
    os.environ.update(thread_variables(1))


def prepare_worker(installation: str) -> None:
    """Make the main process of a worker of an installation the parent of what its lost pool processes leave behind."""
    global _helpers
    _helpers = {child.pid for child in psutil.Process().children()}  # not those of a job: there has been none
    adopt_orphans()
    atexit.register(kill_orphans, _helpers)  # pool processes exit without calling this
    survivors.mark_worker(installation)
    survivors.end_survivors()


def prepare_pool_process(max_file_bytes: int) -> None:
    """Shield a pool process from signals to the worker's group, end it with the worker, and limit its files.

    Raises OSError if it has too few descriptors for a job: the main process may have used them up.
    """
    _require_descriptors()
    os.setpgrp()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (max_file_bytes, max_file_bytes))
    with suppress(OSError):  # there is no such file outside Linux
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE)
    die_with_parent()
    adopt_orphans()
    survivors.mark_pool_process()
    logging.raiseExceptions = False  # a tool may close the stream of the log
    _allow_multiprocessing()


@contextmanager
def contained(job: Job) -> Iterator[None]:
    """Limit the threads, memory and files of a job while the body runs; then end every process that it started.

    A fork of this process ends here: if a tool returned or raised in it too, it would end the job and take others.
    """
    process = os.getpid()
    try:
        threads = limited_threads(job.cores) if job.cores > 1 else nullcontext()  # see limit_threads
        with threads, _limited_memory(job.memory), _limited_descriptors():
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
        kill_descendants()


def end_orphans() -> None:
    """Kill what lost pool processes, or lost workers, left behind, in the main process of a worker."""
    if _helpers is None:
        return
    pool = {process.pid for process in billiard.active_children() if process.pid}
    kill_orphans(pool.union(_helpers))
    survivors.end_survivors()


def end_pool_process(pid: int | None) -> None:
    """Kill the process with this id if it belongs to the pool of this worker. The pool replaces it."""
    if pid and pid in {process.pid for process in billiard.active_children()}:
        kill_trees(pid)


def _allow_multiprocessing() -> None:
    """Let tools use multiprocessing. billiard forbids it in its daemons, whose processes it could not end; we can."""
    config = multiprocessing.current_process()._config  # type: ignore[attr-defined]
    config["daemon"] = False
    # A child process cannot get billiard's.
    config["authkey"] = multiprocessing.process.AuthenticationString(os.urandom(32))  # type: ignore[attr-defined]


def _stop_fork_server() -> None:
    """Stop the server of multiprocessing, which would fail in the next job if it found it killed."""
    if module := sys.modules.get("multiprocessing.forkserver"):
        module._forkserver._stop()


@contextmanager
def _limited_memory(size: int) -> Iterator[None]:
    """Limit the private memory of this process to `size` bytes more than it has. Programs inherit the limit.

    The limit is on data and not on the address space, so that a tool can map a database that is larger.
    """
    before = resource.getrlimit(resource.RLIMIT_DATA)
    if psutil.LINUX:
        limit = _settle_memory() + size
        if before[1] != resource.RLIM_INFINITY:
            limit = min(limit, before[1])
        resource.setrlimit(resource.RLIMIT_DATA, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def _require_descriptors() -> None:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    free = limit - len(os.listdir("/dev/fd"))  # noqa: PTH208
    if limit != resource.RLIM_INFINITY and free < _SPARE_DESCRIPTORS + _MIN_DESCRIPTORS:
        raise OSError(EMFILE, f"only {free} more files can be opened: raise the limit, or start the worker again")


@contextmanager
def _limited_descriptors() -> Iterator[None]:
    """Keep some descriptors for what has to be done after a tool that leaves none."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft - _SPARE_DESCRIPTORS, 0), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _forget_variables(error: BaseException | None) -> None:
    """Clear the local variables in the traceback of an error, which Celery keeps for a while."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__context__


def _settle_memory() -> int:
    """Return the private memory of this process, of which earlier jobs have left only a little.

    The rest is returned to the system; otherwise it would count as used, and be there for this job too.
    """
    global _settled_memory
    if (private := _private_memory()) <= _settled_memory + _LITTLE:
        return private
    gc.collect()
    with suppress(AttributeError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)
    _settled_memory = _private_memory()
    return _settled_memory


def _private_memory() -> int:
    """Return the bytes that RLIMIT_DATA limits (Linux only)."""
    file = os.open("/proc/self/statm", os.O_RDONLY)  # for each job, and Path.read_text() takes three times as long
    try:
        return int(os.read(file, 200).split()[5]) * resource.getpagesize()
    finally:
        os.close(file)
