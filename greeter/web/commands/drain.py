"""The command that drains a worker, so that it can be stopped without interrupting a job."""

import time

import click
from celery import current_app

from greeter.jobs.errors import UNAVAILABLE
from greeter.web.commands import bp
from greeter.web.services import services

_ROUNDS = 5  # of about two seconds without an answer, for a worker that is reconnecting to Redis


@bp.cli.command()
@click.argument("worker")
@click.option("--seconds", type=float, help="Maximum time to wait; without it, until the last job has ended.")
def drain(worker: str, seconds: float | None) -> None:
    """Let WORKER, such as worker-1@host, finish its jobs and take no new ones. Wait until it has none.

    Then stop the worker. It takes no jobs until it is restarted.
    """
    start, silent = time.monotonic(), 0
    jobs: int | None = None  # that the worker still has, if it answers
    while True:
        before = jobs
        try:
            jobs = _drain(worker)
            silent = silent + 1 if jobs is None else 0
            if silent > _ROUNDS:
                answering = ", ".join(sorted(name for reply in _ask("ping") for name in reply)) or "none"
                raise click.ClickException(f"No worker {worker} answers. These do: {answering}. Check the name.")
        except UNAVAILABLE:  # so no worker can answer
            jobs, silent = None, 0
        if jobs == 0:
            click.echo(f"{worker} has no jobs and takes none. Stop it now.")
            return
        if jobs is not None and jobs != before:
            click.echo(f"{worker} takes no new jobs, and still runs {jobs}.")
        if seconds is not None and time.monotonic() - start > seconds:
            state = "still has jobs. It takes no new ones" if jobs else "does not answer"
            raise click.ClickException(f"{worker} {state}. Run this again to wait longer.")
        time.sleep(1)


def _drain(worker: str) -> int | None:
    """Drain every worker with this name (identical host names share one), and return how many jobs they have.

    If a worker does not answer in time, its jobs are counted in the records. Returns None if no worker with this name
    answers. Raises an exception in UNAVAILABLE if Redis does not.
    """
    jobs = [reply[worker] for reply in _ask("drain", [worker])]
    numbers = [number for number in jobs if isinstance(number, int)]
    if len(numbers) < len(jobs):
        advice = "deploy/README.md says what to do instead."
        raise click.ClickException(f"{worker} has a version that cannot drain. {advice}")
    running = [runner.name for runner in services().jobs.store.upkeep.running_jobs().values()].count(worker)
    return max(sum(numbers), running) if numbers else None


def _ask(command: str, destination: list[str] | None = None) -> list[dict[str, object]]:
    return current_app.control.broadcast(command, destination=destination, limit=0, reply=True, timeout=1) or []
