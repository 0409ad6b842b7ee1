"""The jobs that the processes of this worker run."""

from __future__ import annotations

from collections.abc import Collection

from celery.worker import state

from greeter.toolkit.process_trees import kill_trees


def active_jobs() -> list[str]:
    """Return the ids of the jobs."""
    return [str(request.id) for request in state.active_requests]


def kill_jobs(jobs: Collection[str]) -> None:
    """Kill the processes that run these jobs, and end their descendants."""
    requests = [request for request in state.active_requests if request.id in jobs]
    kill_trees(*(request.worker_pid for request in requests if request.worker_pid))
