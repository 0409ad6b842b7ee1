"""Whether the programs that a tool runs are installed where its jobs run."""

import time

from redis import RedisError

from greeter.jobs.records.store import Store
from greeter.toolkit.installed import missing_programs
from greeter.toolkit.tool import Tool

_MAX_AGE = 5  # seconds for which one answer of Redis is used


class Availability:
    """Whether the programs of tools are installed.

    The workers run the programs, perhaps on other machines, so they decide: a worker announces only the tools whose
    programs it has. If no worker has announced any tool recently, the programs of this machine decide.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._announced: set[str] = set()
        self._expires = 0.0

    def problem(self, tool: Tool) -> str | None:
        """Return a message for the user if a tool cannot run, otherwise None."""
        if not tool.programs:
            return None
        announced, absent = self._read(), missing_programs(tool.programs)
        if tool.name in announced or not (announced or absent):
            return None
        if absent:
            reason = f"{' and '.join(absent)} {'is' if len(absent) == 1 else 'are'} not installed"
            advice = "Choose another tool, or write to the operators of this site."
        else:  # a worker may announce the tool in a moment, as after an update
            reason = f"no worker that has {' and '.join(tool.programs)} is running"
            advice = "Try again in a minute, or choose another tool."
        return f"This tool is not available at the moment, because {reason}. {advice}"

    def _read(self) -> set[str]:
        if time.monotonic() >= self._expires:
            try:
                self._announced = self._store.announced_tools()
            except RedisError:
                self._announced = set()
            self._expires = time.monotonic() + _MAX_AGE
        return self._announced
