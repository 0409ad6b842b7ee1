"""The process that runs a job: its identity, what it gets, and what it has to do."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from secrets import token_hex
from typing import NamedTuple, Self

from greeter.toolkit.tool import Params


@dataclass(frozen=True)
class Runner:
    """A process that runs jobs, as the record of a claimed job names it."""

    worker: str = ""  # its name in Celery and a random number; empty in a process that is not a worker
    process: int | None = None  # of the pool; None: the worker's main process, which may write for any of them

    @classmethod
    def new_worker(cls, name: str) -> Self:
        """Return the main process of a new worker with this name, which other workers may have too."""
        return cls(f"{name}-{token_hex(8)}")

    @property
    def name(self) -> str:
        """The name of the worker."""
        return self.worker.rpartition("-")[0]

    @property
    def args(self) -> tuple[str, str]:
        """The worker and the process as arguments of a Lua script."""
        return self.worker, "" if self.process is None else str(self.process)


class Claim(NamedTuple):
    """A job that a process has started."""

    job_id: str
    runner: Runner
    params: Params
    number: int  # of the attempt
    folder: Path  # the folder of the attempt
    attempts: int  # how often the job has started; see Record.attempts


class HeartbeatReply(StrEnum):
    """The reply to a heartbeat: what the process has to do."""

    CONTINUE = "continue"
    CANCEL = "cancel"
    ABANDON = "abandon"  # the job was given to another process
