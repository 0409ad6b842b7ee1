"""The identity of a process that runs jobs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Runner:
    """A process that runs jobs, as the record of a claimed job names it.

    Attributes:
        worker: Id of the worker; empty in a process that is no worker.
        process: Id of the pool process, or None for the worker's main process, which may write for any of its pool
            processes.
    """

    worker: str = ""
    process: int | None = None

    @property
    def args(self) -> tuple[str, str]:
        """The worker and the process as arguments of a Lua script."""
        return self.worker, "" if self.process is None else str(self.process)
