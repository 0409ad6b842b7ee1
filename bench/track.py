"""Benchmark of one step of `job.track` against tqdm and a bare loop.

    python -m bench.track

The measurements alternate within one run.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from tqdm import tqdm

from bench.support.table import Line, print_table
from greeter.jobs.progress import Report
from greeter.jobs.records.runs import Runs
from greeter.jobs.records.store import Store
from greeter.jobs.runner import Claim, HeartbeatReply, Runner
from greeter.jobs.service import JobService
from greeter.jobs.worker.reporting import reporting
from greeter.settings import Settings
from greeter.toolkit import Job

STEPS, ROUNDS = 1_000_000, 7


class _NoRedis(Runs):
    """Takes reports, and keeps none."""

    def __init__(self) -> None:
        pass

    def heartbeat(self, job_id: str, runner: Runner) -> HeartbeatReply:
        return HeartbeatReply.CONTINUE

    def report_progress(self, job_id: str, runner: Runner, report: Report) -> None:
        pass


def nanoseconds_a_step(steps: Iterable[int]) -> float:
    """Iterate without doing anything and return the mean time of one step, in nanoseconds."""
    began = time.perf_counter_ns()
    for _ in steps:
        pass
    return (time.perf_counter_ns() - began) / STEPS


def lines() -> list[Line]:
    """Return the lines of the table."""
    job = Job(Path(tempfile.gettempdir(), "job", "attempt"))
    claim = Claim("", Runner(), {}, 1, job.folder, 1)
    store = Store(Settings())
    store.runs = _NoRedis()
    jobs = JobService(store, 0)
    with Path(os.devnull).open("w") as nowhere, reporting(job, claim, jobs, soft_limit=1000, hard_limit=1000):
        loops: dict[str, Callable[[], Iterable[int]]] = {
            "bare": lambda: range(STEPS),
            "track": lambda: job.track(range(STEPS)),
            "tqdm": lambda: tqdm(range(STEPS), file=nowhere),
        }
        taken = [{name: nanoseconds_a_step(loop()) for name, loop in loops.items()} for _ in range(ROUNDS)]
    best = {name: min(one[name] for one in taken) for name in loops}
    beside = f"tqdm, {best['tqdm']:.0f} ns (a bare loop, {best['bare']:.0f} ns)"
    return [Line("a step of job.track", f"{best['track']:.0f} ns", beside, best["track"] / best["tqdm"], "<= 0.50")]


def main() -> None:
    """Print the time of a step."""
    print_table(lines())


if __name__ == "__main__":
    main()
