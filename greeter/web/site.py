"""What every view works with: the settings, the tools, and the queue of this installation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import Flask, current_app

from greeter.core.queue import Queue
from greeter.core.tool import Tool
from greeter.settings import Settings


@dataclass(frozen=True)
class Site:
    """The parts of one installation."""

    settings: Settings
    tools: dict[str, Tool]
    queue: Queue


def site() -> Site:
    """The installation that the current request is for."""
    return cast(Site, current_app.extensions["greeter"])


def init_app(app: Flask, settings: Settings, tools: dict[str, Tool]) -> None:
    """Give the app its installation."""
    queue = Queue(settings, tools.values())
    queue.set_default()  # so that AsyncResult(job_id) needs no app
    app.extensions["greeter"] = Site(settings, tools, queue)
