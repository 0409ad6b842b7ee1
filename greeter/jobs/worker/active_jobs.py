"""The jobs that the processes of this worker run. All functions are thread-safe."""

from collections.abc import Collection
from contextlib import suppress

from celery.worker import state
from celery.worker.request import Request

from greeter.toolkit.process_trees import kill_trees


def active_jobs() -> list[str]:
    """Return the ids of the jobs."""
    return [str(request.id) for request in _active_requests()]


def kill_jobs(jobs: Collection[str]) -> None:
    """Kill the processes that run these jobs, and terminate their descendants."""
    requests = [request for request in _active_requests() if request.id in jobs]
    kill_trees(*(int(request.worker_pid) for request in requests if request.worker_pid))


def _active_requests() -> list[Request]:
    while True:
        with suppress(RuntimeError):  # the main thread has changed the set meanwhile
            return list(state.active_requests)
