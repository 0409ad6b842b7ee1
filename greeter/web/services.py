"""What the views of one installation share: its settings, tools, jobs and samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import Flask, current_app

from greeter.jobs.celery_app import CeleryApp
from greeter.jobs.reader import JobReader
from greeter.jobs.samples import PREFIX, Samples
from greeter.jobs.service import JobService
from greeter.settings import Settings
from greeter.toolkit.tool import Tool
from greeter.tools import SAMPLES


@dataclass(frozen=True)
class Services:
    """The parts of an installation that views use."""

    settings: Settings
    tools: dict[str, Tool]
    jobs: JobService
    samples: Samples

    def reader_for(self, job_id: str) -> JobReader:
        """Return what reads the job with this id."""
        return self.samples if job_id.startswith(PREFIX) else self.jobs.store


def services() -> Services:
    """Return the services of the current application."""
    return cast(Services, current_app.extensions["greeter"])


def init_app(app: Flask, settings: Settings, tools: dict[str, Tool]) -> None:
    """Add the services to the app."""
    celery_app = CeleryApp(settings)
    celery_app.set_default()  # so that AsyncResult(job_id) needs no app
    app.extensions["greeter"] = Services(settings, tools, celery_app.jobs, Samples(SAMPLES))
