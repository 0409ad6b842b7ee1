"""Which tools a worker can run, and with how many cores."""

import logging
import os
from collections.abc import Iterable

from greeter.jobs.worker.celery_app import CeleryApp
from greeter.jobs.worker.task import ToolTask
from greeter.settings import Settings
from greeter.toolkit import installed
from greeter.toolkit.tool import Tool

log = logging.getLogger(__name__)


def register_tools(app: CeleryApp, tools: Iterable[Tool]) -> list[Tool]:
    """Add a task to the app of a worker for each tool whose programs are installed, and return these tools."""
    settings, cores = app.settings, max_cores(app.settings)
    limits = (settings.soft_time_limit, settings.time_limit_grace, settings.max_result_bytes, cores)
    kind = type("ToolTask", (ToolTask,), {})  # Celery binds a class of tasks to one app
    registered = []
    for tool in tools:
        if missing := installed.missing_programs(tool.programs):
            log.warning("%s is left out: install %s and start this worker again", tool.name, " and ".join(missing))
            continue
        app.register_task(kind(tool, *limits))
        registered.append(tool)
    return registered


def max_cores(settings: Settings) -> int:
    """Return the number of cores that a job may use: JOB_CORES, or an equal share of those of this process."""
    if settings.job_cores:
        return settings.job_cores
    # macOS has no affinity.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(cores // settings.worker_concurrency, 1)
