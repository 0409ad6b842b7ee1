"""What the views share: the settings, tools, jobs, samples and limits of the application."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import cast

from flask import Flask, current_app

from greeter.jobs.databases import Databases
from greeter.jobs.record import Record
from greeter.jobs.records.reader import JobReader, Provenance
from greeter.jobs.records.samples import PREFIX, Samples
from greeter.jobs.service import JobService
from greeter.jobs.worker.celery_app import CeleryApp
from greeter.settings import Settings
from greeter.toolkit.tool import Tool
from greeter.tools import SAMPLES, ToolFile, usable
from greeter.web.availability import Availability
from greeter.web.limits import Limits


@dataclass(frozen=True)
class Services:
    """What the views share."""

    settings: Settings
    files: list[ToolFile]  # the files in `greeter/tools/`
    tools: dict[str, Tool]  # the tools by name, in the order of the front page
    jobs: JobService
    samples: Samples  # the sample results of the tools
    availability: Availability  # whether the programs of the tools are installed
    limits: Limits  # the counts of what each client does

    @property
    def databases(self) -> Databases:
        """The reference databases."""
        return self.jobs.store.inputs.databases

    @property
    def unusable(self) -> list[ToolFile]:
        """The files that cannot be used."""
        return [file for file in self.files if file.problem]

    def reader_for(self, job_id: str) -> JobReader:
        """Return what reads a job or a sample, which need not exist."""
        return self.samples if job_id.startswith(PREFIX) else self.jobs.store

    def find(self, job_id: str) -> Record:
        """Read the record of a job or a sample. Raises JobNotFound."""
        self.jobs.fitness.refresh()  # so that what needs files is refused instead of waiting for the disk
        return self.reader_for(job_id).find(job_id)

    def find_all(self, job_ids: Collection[str]) -> dict[str, Record]:
        """Read the records of several jobs in one round trip, leaving out those that do not exist."""
        self.jobs.fitness.refresh()
        return self.jobs.store.find_all(job_ids)

    def provenance(self, job_id: str) -> Provenance:
        """Read how the result of a job was made. Its software has the name of the site."""
        read = self.reader_for(job_id).provenance(job_id)
        return replace(read, versions=self.with_site_name(read.versions))

    def with_site_name(self, versions: Mapping[str, str]) -> dict[str, str]:
        """Return versions in which the software has the name of the site."""
        names = {"greeter": self.settings.site_name}
        return {names.get(name, name): version for name, version in versions.items()}


def services() -> Services:
    """Return the services of the current application."""
    return cast(Services, current_app.extensions["greeter"])


def init_app(app: Flask, settings: Settings, files: list[ToolFile]) -> None:
    """Add the services to the app."""
    celery_app = CeleryApp(settings)
    celery_app.set_default()  # so that AsyncResult(job_id) works without an app argument
    by_position = dict(sorted(usable(files).items(), key=lambda item: item[1].position))
    jobs = celery_app.jobs
    availability, limits = Availability(jobs.store), Limits(settings, jobs.store.redis.connection_pool)
    app.extensions["greeter"] = Services(settings, files, by_position, jobs, Samples(SAMPLES), availability, limits)
