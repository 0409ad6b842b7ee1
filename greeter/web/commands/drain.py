"""The command that drains a worker, so that it can be stopped without interrupting a job."""

import time

import click
from celery import current_app
from redis import RedisError

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
    jobs: int | None = None
    while True:
        before, jobs = jobs, _drain(worker)  # None while Redis is unavailable, too
        if jobs == 0:
            click.echo(f"{worker} has no jobs and takes none. Stop it now.")
            return
        if jobs is not None and jobs != before:
            click.echo(f"{worker} takes no new jobs, and still runs {jobs}.")
        silent = 0 if jobs is not None or _is_redis_down() else silent + 1
        if silent > _ROUNDS:
            raise click.ClickException(f"No worker {worker} answers. These do: {_names() or 'none'}. Check the name.")
        if seconds is not None and time.monotonic() - start > seconds:
            state = "still has jobs. It takes no new ones" if jobs else "does not answer"
            raise click.ClickException(f"{worker} {state}. Run this again to wait longer.")
        time.sleep(1)


def _drain(worker: str) -> int | None:
    """Drain every worker with this name (identical host names share one), and return how many jobs they have.

    If a worker does not answer in time, its jobs are counted in the records. Returns None if no worker with this name
    answers, or while Redis is unavailable.
    """
    jobs = [reply[worker] for reply in _ask("drain", [worker])]
    numbers = [number for number in jobs if isinstance(number, int)]
    if len(numbers) < len(jobs):
        advice = "deploy/README.md says what to do instead."
        raise click.ClickException(f"{worker} has a version that cannot drain. {advice}")
    try:
        running = [runner.name for runner in services().jobs.store.upkeep.running_jobs().values()].count(worker)
    except RedisError:
        return None
    return max(sum(numbers), running) if numbers else None


def _is_redis_down() -> bool:
    """Return whether Redis is unavailable, so that no worker can answer."""
    try:
        services().jobs.store.redis.ping()
    except RedisError:
        return True
    return False


def _names() -> str:
    return ", ".join(sorted(name for reply in _ask("ping") for name in reply))


def _ask(command: str, destination: list[str] | None = None) -> list[dict[str, object]]:
    try:
        return current_app.control.broadcast(command, destination=destination, limit=0, reply=True, timeout=1) or []
    except UNAVAILABLE:
        return []
