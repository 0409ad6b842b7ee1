"""What every view works with: the settings, the tools, the queue and the samples of this installation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import Flask, current_app

from greeter.jobs.samples import PREFIX, Samples
from greeter.jobs.service import Queue
from greeter.jobs.store import Store
from greeter.settings import Settings
from greeter.toolkit.tool import Tool
from greeter.tools import SAMPLES


@dataclass(frozen=True)
class Site:
    """The parts of one installation."""

    settings: Settings
    tools: dict[str, Tool]
    queue: Queue
    samples: Samples

    def home_of(self, job_id: str) -> Store | Samples:
        """Where a job of that id is kept, if there is one."""
        return self.samples if job_id.startswith(PREFIX) else self.queue.store


def site() -> Site:
    """The installation that the current request is for."""
    return cast(Site, current_app.extensions["greeter"])


def init_app(app: Flask, settings: Settings, tools: dict[str, Tool]) -> None:
    """Give the app its installation."""
    queue = Queue(settings, tools.values())
    queue.set_default()  # so that AsyncResult(job_id) needs no app
    app.extensions["greeter"] = Site(settings, tools, queue, Samples(SAMPLES))
