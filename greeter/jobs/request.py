"""The request of a worker for a task."""

from __future__ import annotations

from typing import Any

from celery.worker.request import Request


class JobRequest(Request):
    """A request that has the time limits of its tool, whatever its message says."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.time_limits = (None, None)
