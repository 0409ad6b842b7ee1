"""The Celery task that runs the function of a tool."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterable
from functools import partial
from importlib.metadata import version
from platform import python_version
from typing import Any

from billiard.pool import soft_timeout_sighandler
from celery import Task
from celery.exceptions import Ignore, SoftTimeLimitExceeded

from greeter.jobs.bounds import check_result
from greeter.jobs.celery_app import CeleryApp
from greeter.jobs.errors import OUT_OF_MEMORY, user_message
from greeter.jobs.reader import Params
from greeter.jobs.reporting import reporting, retry_until_available
from greeter.logs import JOB, REQUEST
from greeter.toolkit.errors import ToolError
from greeter.toolkit.job import Job
from greeter.toolkit.tool import Tool
from greeter.version import __version__

log = logging.getLogger(__name__)


class ToolTask(Task):  # type: ignore[type-arg]
    """Runs the function of a tool. Its message has only the job's id; the parameters are in the record."""

    app: CeleryApp
    throws = (ToolError, SoftTimeLimitExceeded)  # not bugs, so the log needs no traceback of them
    resultrepr_maxsize = 1  # a result is private: keep it out of the log and out of Flower

    def __init__(self, tool: Tool, soft_time_limit: int, grace: int, max_result_bytes: int) -> None:
        """Prepare the task of a tool. Raises PackageNotFoundError if a library that it names is not installed."""
        self.tool = tool
        self.name = tool.name
        self.versions = {"greeter": __version__, "Python": python_version()}
        self.versions |= {library: version(library) for library in tool.libraries}
        self.soft_time_limit = tool.soft_time_limit or soft_time_limit
        self.time_limit = self.soft_time_limit + grace
        self.max_result_bytes = max_result_bytes

    def run(self) -> dict[str, Any]:
        """Run the tool for the job that has this task's id, unless the job is not waiting any more."""
        job_id = str(self.request.id)
        JOB.set(job_id[:8])
        REQUEST.set(self.request.get("request_id") or "")
        store, runner = self.app.jobs.store, self.app.runner
        # The message has been acknowledged, so do not give up before Redis has answered.
        params = retry_until_available(partial(store.claim, job_id, runner, self.versions))
        if params is None:
            raise Ignore
        self.app.jobs.log_event("started", job_id)
        job = Job(store.files.folder(job_id))
        with reporting(job, partial(store.report_progress, job_id, runner), partial(store.heartbeat, job_id, runner)):
            return self._call(job, params)

    def _call(self, job: Job, params: Params) -> dict[str, Any]:
        """Call the tool; only here can the soft limit or a cancel interrupt this process."""
        signal.signal(signal.SIGUSR1, soft_timeout_sighandler)
        try:
            return check_result(self.tool(job, **params), self.max_result_bytes)
        except MemoryError:  # would end the whole worker (celery/celery#10462)
            raise ToolError(OUT_OF_MEMORY) from None
        except SystemExit as error:  # would end the process, and the job would count as lost
            raise RuntimeError(f"the tool called sys.exit({error.code!r})") from None
        finally:
            signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # storing the result may have to wait for Redis

    def on_failure(self, exc: Exception, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        """Log the traceback of a bug."""
        if user_message(exc) is None:
            log.error("bug in the tool %s", self.name, exc_info=exc)


def register_tools(app: CeleryApp, tools: Iterable[Tool]) -> None:
    """Add a task for each tool to the app."""
    settings = app.settings
    kind = type("ToolTask", (ToolTask,), {})  # Celery binds a class of tasks to one app
    for tool in tools:
        app.register_task(kind(tool, settings.soft_time_limit, settings.time_limit_grace, settings.max_result_bytes))
