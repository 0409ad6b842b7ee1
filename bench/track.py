"""Benchmark of one step of `job.track` against tqdm and a bare loop.

    python -m bench.track

The measurements alternate within one run.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace

from tqdm import tqdm

from greeter.jobs.reporting import reporting
from greeter.jobs.worker_store import Order
from greeter.toolkit import Job

STEPS, ROUNDS = 1_000_000, 7


def nanoseconds_a_step(steps: Iterable[int]) -> float:
    """Iterate without doing anything and return the mean time of one step, in nanoseconds."""
    began = time.perf_counter_ns()
    for _ in steps:
        pass
    return (time.perf_counter_ns() - began) / STEPS


def main() -> None:
    """Print the median time of each loop and its ratio to tqdm."""
    job, reports = Job(Path(tempfile.gettempdir())), []
    recorder = SimpleNamespace(report=reports.append, heartbeat=lambda: Order.CONTINUE)
    with Path(os.devnull).open("w") as nowhere, reporting(job, recorder, soft_limit=1000, hard_limit=1000):
        loops: dict[str, Callable[[], Iterable[int]]] = {
            "bare loop": lambda: range(STEPS),
            "job.track": lambda: job.track(range(STEPS)),
            "tqdm": lambda: tqdm(range(STEPS), file=nowhere),
        }
        began = time.monotonic()
        taken = [{name: nanoseconds_a_step(loop()) for name, loop in loops.items()} for _ in range(ROUNDS)]
        seconds = time.monotonic() - began
    medians = {name: statistics.median(one[name] for one in taken) for name in loops}
    for name, cost in medians.items():
        print(f"{name:10} {cost:6.1f} ns per step, {cost / medians['tqdm']:.2f} times tqdm")
    print(f"job.track reported {len(reports)} times in {seconds:.1f} s")


if __name__ == "__main__":
    main()
