"""A whole installation for the benchmarks: what the Procfile starts, with the tools of the site and an empty one."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from greeter import tools
from greeter.jobs.phase import Phase
from tests.conftest import PROCFILE, Installation

TOOLS = str(Path(__file__).with_name("tools"))
ALL = ("redis", "worker", "flower", "web")
_HOSTS = ("127.0.0.1", "localhost")
PUBLIC: dict[str, Any] = {"production": True, "trusted_hosts": _HOSTS, "contact": "operator@bench.test"}
"""Settings of a public site, which does not look for changed templates at each rendering."""


@contextmanager
def stack(*names: str, only_tools_of_the_site: bool = True, **settings: Any) -> Iterator[Installation]:
    """Start lines of the Procfile, and stop them in the end.

    Args:
        names: The lines to start.
        only_tools_of_the_site: Whether to leave out the empty tool.
        settings: Settings that differ from those of a public site and of the tests.

    Yields:
        The installation.
    """
    entry = "greeter.worker" if only_tools_of_the_site else "bench.support.entry"
    lines = {"web": "exec gunicorn greeter:create_app()"}
    lines["worker"] = PROCFILE["worker"].replace("greeter.worker", entry)
    before = dict(PROCFILE)
    if not only_tools_of_the_site and TOOLS not in tools.__path__:
        tools.__path__.append(TOOLS)
    PROCFILE.update(lines)
    installation = Installation(Path(tempfile.mkdtemp()), **{**PUBLIC, **settings})
    try:
        # With this ending, the tests use the line as it is.
        installation.start(*(f"{name}-old" for name in names))
        yield installation
    finally:
        installation.close()
        PROCFILE.update(before)


def processes(installation: Installation, *names: str) -> dict[str, list[psutil.Process]]:
    """Return all processes of lines of the Procfile that were started."""
    first = {name: psutil.Process(installation.pid(f"{name}-old")) for name in names}
    return {name: [process, *process.children(recursive=True)] for name, process in first.items()}


def must_finish(installation: Installation, job_id: str, seconds: float = 60) -> None:
    """Wait until a job has finished, and exit if it ends in any other way: then there is nothing to measure."""
    record = installation.ended(job_id, seconds)
    if record.phase != Phase.FINISHED:
        sys.exit(f"a job of {record.tool} has {record.phase}: {record.result}")
