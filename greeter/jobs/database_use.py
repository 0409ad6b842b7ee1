"""Which jobs use a version of a reference database, so that it is kept as long as one does."""

from __future__ import annotations

from greeter.jobs.scripts import Scripts

_FORBIDDEN_SECONDS = 3600  # in which every form has ended that was checked before


class DatabaseUse:
    """The jobs that name versions, such as "swissprot/2026_04". Methods raise redis.RedisError."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    def count(self, name: str) -> int:
        """Return how many jobs name a version: they wait, run, or have ended and are still kept."""
        return int(self._scripts.run("named", "", name))

    def forbid(self, name: str) -> int:
        """Refuse new jobs that name a version, unless a job names it already. Return how many do."""
        return int(self._scripts.run("forbid_database", "", name, _FORBIDDEN_SECONDS))

    def allow(self, name: str) -> None:
        """Let new jobs name a version that was removed recently."""
        self._scripts.run("allow_database", "", name)
