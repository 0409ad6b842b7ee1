"""The request of a worker for a task."""

from typing import Any

from celery.worker.request import Request


class JobRequest(Request):
    """A request that records which process runs it. Time limits in its message are ignored: those of the tool apply."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.time_limits = (None, None)

    def on_accepted(self, pid: str, time_accepted: float) -> None:
        """Add the process to what the result backend gets."""
        self._request_dict["worker_pid"] = pid  # type: ignore[attr-defined]  # missing in the stubs
        super().on_accepted(pid, time_accepted)
