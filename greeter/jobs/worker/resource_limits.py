"""The limits of a job on the resources of its process: threads, memory and files."""

import gc
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from errno import EMFILE
from pathlib import Path

import psutil

from greeter import free_memory
from greeter.toolkit.job import Job
from greeter.toolkit.threads import limited_threads, thread_variables

_OOM_SCORE = "500"  # of at most 1000: the kernel kills a job before the worker, Redis or the web

_SPARE_DESCRIPTORS = 16
_MIN_DESCRIPTORS = 64  # that a job can use
_LITTLE = 16 * 2**20  # bytes of free memory that earlier jobs may leave in a process, because returning it takes time

_settled_memory = 0  # private memory of this process after free memory was last returned


def limit_threads() -> None:
    """Let the libraries that this process and its children load later use one thread each."""
    os.environ.update(thread_variables(1))


def limit_process(max_file_bytes: int) -> None:
    """Limit the files of a pool process, and let the kernel kill it before others.

    Raises OSError if it has too few descriptors for a job: the main process may have used them up.
    """
    _require_descriptors()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (max_file_bytes, max_file_bytes))
    with suppress(OSError):  # there is no such file outside Linux
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE)


@contextmanager
def limited_resources(job: Job) -> Iterator[None]:
    """Limit the threads, memory and open files of a job while the body runs."""
    before = {kind: resource.getrlimit(kind) for kind in (resource.RLIMIT_DATA, resource.RLIMIT_NOFILE)}
    with limited_threads(job.cores) if job.cores > 1 else nullcontext():  # see limit_threads
        try:
            _limit_memory(job.memory)
            _reserve_descriptors()
            yield
        finally:
            for kind, limits in before.items():
                resource.setrlimit(kind, limits)


def _limit_memory(size: int) -> None:
    """Limit the private memory of this process to `size` bytes more than it has. Programs inherit the limit.

    The limit is on data and not on the address space, so that a tool can map a database that is larger.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if private := settle_memory():
        limit = private + size
        resource.setrlimit(resource.RLIMIT_DATA, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


def settle_memory() -> int:
    """Give free memory of earlier jobs back to the system, and return the private memory of this process in bytes.

    Otherwise, the next job could use it in addition to its limit. 0 outside Linux.
    """
    global _settled_memory
    if not psutil.LINUX:
        return 0
    if (private := _private_memory()) <= _settled_memory + _LITTLE:
        free_memory.release_each_minute()
        return private
    gc.collect()
    free_memory.release()
    _settled_memory = _private_memory()
    return _settled_memory


def _private_memory() -> int:
    """Return the bytes that RLIMIT_DATA limits."""
    file = os.open("/proc/self/statm", os.O_RDONLY)  # for each job, and Path.read_text() takes three times as long
    try:
        return int(os.read(file, 200).split()[5]) * resource.getpagesize()
    finally:
        os.close(file)


def _require_descriptors() -> None:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    free = limit - len(os.listdir("/dev/fd"))  # noqa: PTH208
    if limit != resource.RLIM_INFINITY and free < _SPARE_DESCRIPTORS + _MIN_DESCRIPTORS:
        raise OSError(EMFILE, f"only {free} more files can be opened: raise the limit, or start the worker again")


def _reserve_descriptors() -> None:
    """Reserve descriptors for the work after the tool, which may use up all others."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft - _SPARE_DESCRIPTORS, 0), hard))
