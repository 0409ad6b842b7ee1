"""Health checks for proxies, container engines and monitors."""

from collections.abc import Collection
from contextlib import suppress

from flask import Blueprint
from flask.typing import ResponseReturnValue
from redis import RedisError

from greeter.jobs.records.redis_check import risk
from greeter.jobs.records.statistics import Statistics
from greeter.web.services import services

bp = Blueprint("health", __name__, url_prefix="/health")


@bp.get("/live")
def live() -> ResponseReturnValue:
    """Return 200, which shows that this process responds."""
    return _health("")


@bp.get("/ready")
def ready() -> ResponseReturnValue:
    """Check whether a job submitted now would run.

    Returns:
        200 if there is space, Redis accepts writes, and a worker takes jobs. Otherwise 503 with the reason and
        what to do. The 200 has a notice if a tool file cannot be used or no worker has a tool, because all other tools
        work, or if the configuration of Redis may lose jobs.
    """
    reason = problem()
    return _health(reason, "" if reason else _notice())


def problem() -> str:
    """Return why a job submitted now would not run, and what to do; empty if it would."""
    jobs = services().jobs
    jobs.fitness.refresh()  # so that a folder that does not answer delays this only once
    if not jobs.fitness.has_space():
        return "DATA_DIR has less than MIN_FREE_BYTES, or fewer than 10,000 inodes, free. Free some space."
    try:
        unfit = jobs.fitness.problem()
        has_room, statistics = jobs.store.has_room(), jobs.store.statistics()
    except RedisError as error:
        return f"Redis does not answer or refuses writes ({type(error).__name__}). Check its log."
    full = "" if has_room else "Another job might exceed MAX_TOTAL_BYTES. Raise it, or set RETENTION_DAYS to less."
    return unfit or full or _missing_workers(statistics)


def _missing_workers(statistics: Statistics) -> str:
    """Return which queues or tools have no worker that takes their jobs, and what to do, or an empty string."""
    tools = services().tools.values()
    queues = {tool.queue for tool in tools}
    queues |= {name for name, queue in statistics.queues.items() if queue.waiting}
    served = {name for name, queue in statistics.queues.items() if queue.workers}
    missing = ", ".join(sorted(queues - served))
    idle = ", ".join(sorted(tool.name for tool in tools if tool.signature in statistics.idle_tools))
    if not missing and not idle:
        return ""
    if not missing:
        reason = statistics.unfit[0] if statistics.unfit else "They are drained: start another one."
        return f"The workers that have these tools take no jobs: {idle}. {reason}"
    if statistics.unfit:
        return f"No worker can run the jobs of these queues: {missing}. {statistics.unfit[0]}"
    return f"No worker has sent a heartbeat recently for these queues: {missing}. Start one, or check its log."


def _notice() -> str:
    """Return what an operator should correct although jobs run; empty if there is nothing."""
    names = ", ".join(file.name for file in services().unusable)
    notices = [f"The tools in {names} cannot be used. Run flask check-tools to see why."] if names else []
    with suppress(RedisError):  # it has just gone away
        notices.append(_unknown_tools(services().jobs.store.announced_tools()))
        notices.insert(0, risk(services().jobs.store.redis))
    return " ".join(filter(None, notices))


def _unknown_tools(announced: Collection[str]) -> str:
    """Return the tools that no worker has with the same parameters, as after an update of the web alone."""
    refuses = services().availability.problem  # because a program is missing, as its form says
    unknown = [tool.name for tool in services().tools.values() if tool.signature not in announced and not refuses(tool)]
    if not announced or not unknown:
        return ""
    return f"No worker has these tools, so their jobs will fail: {', '.join(unknown)}. Update and restart the workers."


def _health(reason: str, notice: str = "") -> ResponseReturnValue:
    headers = {"Cache-Control": "no-store"}
    if reason:
        return {"status": "unavailable", "reason": reason}, 503, headers | {"Retry-After": "5"}
    return {"status": "ok"} | ({"notice": notice} if notice else {}), 200, headers
