"""Numbers of jobs and workers."""

from dataclasses import dataclass
from typing import Self, TypeAlias

from greeter.jobs.records.scripts import pairs, texts

Reply: TypeAlias = tuple[
    list[tuple[bytes, int, int, int, int]],  # each queue: its name, and what QueueStatistics has
    list[bytes],  # why workers are unfit
    list[bytes],  # idle tools
    list[int],  # the bounds
    list[bytes],  # names and numbers of what was counted, alternating
]
"""What statistics.lua returns."""


@dataclass(frozen=True)
class QueueStatistics:
    """Counts for one queue."""

    waiting: int = 0  # jobs that are waiting
    running: int = 0  # jobs that are running
    workers: int = 0  # workers with a recent heartbeat that take jobs from it
    oldest: int = 0  # seconds since the submission of the oldest waiting job


@dataclass(frozen=True)
class Statistics:
    """Numbers of jobs and workers."""

    queues: dict[str, QueueStatistics]  # those that have jobs or workers, by name
    unfit: list[str]  # why workers with a recent heartbeat cannot run jobs, one reason for each
    idle_tools: list[str]  # names and signatures of the tools that only paused workers have
    bounds: list[int]  # of the duration buckets, in seconds
    # Numbers of ended jobs and sums of their durations: `("ended", tool, phase)`, `("seconds", tool)`, and
    # `("bucket", tool, bound)` for jobs that ran no longer than a bound but longer than the one before it.
    ended: dict[tuple[str, ...], float]

    @classmethod
    def read(cls, reply: Reply) -> Self:
        """Read the reply of statistics.lua."""
        queues, unfit, idle_tools, bounds, counted = reply
        by_name = {name.decode(): QueueStatistics(*numbers) for name, *numbers in queues}
        ended = {tuple(name.split()): float(number) for name, number in pairs(counted)}
        return cls(by_name, texts(unfit), texts(idle_tools), bounds, ended)
