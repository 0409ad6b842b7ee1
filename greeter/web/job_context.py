"""What templates and scripts get of a job."""

from collections.abc import Callable, Mapping
from secrets import token_urlsafe
from typing import Never, NotRequired, TypedDict

from markupsafe import Markup

from greeter.jobs.files.result_files import ResultFile, result_files
from greeter.jobs.phase import Phase
from greeter.jobs.progress import ReportedProgress
from greeter.jobs.record import Record
from greeter.jobs.records.reader import Provenance
from greeter.toolkit.json_types import JSON
from greeter.toolkit.tool import signature
from greeter.web.results import downloads
from greeter.web.results.previews import Previews
from greeter.web.services import services

_SHORTEST_WAIT, _LONGEST_WAIT = 2, 60  # seconds until a script asks again


class JobStatus(TypedDict):
    """The state of a job for scripts. Times are in seconds."""

    phase: Phase
    active: bool  # whether the job has not ended
    ahead: int | None  # the number of jobs ahead of it in the queue; None unless it is waiting
    progress: ReportedProgress | dict[str, Never]  # how far it is; empty if unknown
    elapsed: int  # the time since the start, or since the submission if it is waiting
    result: JSON  # what the tool returned; None if there is no result
    databases: Mapping[str, Mapping[str, JSON]]  # those that it uses, by the parameter; see `Database.recorded`
    problem: str | None  # why it failed and what to do; None if it did not fail, or failed because of a bug
    output: str  # the end of the error output of the program that made it fail; may be empty
    log: str  # the last lines of its log; may be empty
    files: list[str]  # the URLs of the result files
    downloads: list[downloads.Download]  # more about the same files


class JobContext(TypedDict):
    """The variables of the templates that show a job, including `tools/<tool>/_result.html`."""

    record: Record  # the record of the job
    title: str  # of the tool, or its name if it no longer exists
    # These only after the end:
    labels: NotRequired[dict[str, str]]  # the labels of the form's fields, by the name of the parameter
    files: NotRequired[list[ResultFile]]
    table: NotRequired[Callable[..., Markup]]  # shows the table in a result file, a page at a time; see `Previews`
    preview: NotRequired[Callable[..., Markup]]  # shows the first lines of a result file
    image: NotRequired[Callable[..., Markup]]  # shows a result file that is an image
    provenance: NotRequired[Provenance]  # how the result was made
    commands: NotRequired[str]  # the commands that the job has run, one in each line, for the user; may be empty
    token: NotRequired[str]  # for the form that runs the job again
    can_run_again: NotRequired[bool]  # whether its input can be submitted unchanged


def status_of(record: Record) -> JobStatus:
    """Return the state of a job for scripts."""
    listed = [downloads.describe(file, record) for file in files_of(record)]
    return {
        "phase": record.phase,
        "active": record.active,
        "ahead": record.ahead,
        "progress": record.progress or {},
        "elapsed": record.elapsed,
        "result": record.result if record.has_result else None,
        "databases": services().provenance(record.id).databases,
        "problem": None if record.active else record.user_message,
        "output": record.output,
        "log": record.log,
        "files": [file["url"] for file in listed],
        "downloads": listed,
    }


def wait_headers(record: Record) -> dict[str, str]:
    """Return the header that says when a script should ask again: later if many jobs are ahead in the queue."""
    if not record.active:
        return {}
    return {"Retry-After": str(min(_SHORTEST_WAIT + (record.ahead or 0), _LONGEST_WAIT))}


def context_of(record: Record) -> JobContext:
    """Return the variables of the templates that show a job."""
    tool = services().tools.get(record.tool)
    context: JobContext = {"record": record, "title": tool.title if tool else record.tool}
    if record.active:
        return context
    provenance = services().provenance(record.id)
    files = files_of(record)
    previews = Previews(record.id, files)
    return {
        **context,
        "labels": {field.name: field.label.text for field in tool.form()} if tool else {},
        "files": files,
        "table": previews.table,
        "preview": previews.preview,
        "image": previews.image,
        "provenance": provenance,
        "commands": services().reader_for(record.id).files.commands(record.id, record.attempt),
        "token": token_urlsafe(16),
        "can_run_again": can_run_again(record, provenance),
    }


def can_run_again(record: Record, provenance: Provenance) -> bool:
    """Return whether the tool has the same parameters and the files are still there."""
    tool = services().tools.get(record.tool)
    same = tool and tool.signature == signature(record.tool, provenance.names)
    files = services().reader_for(record.id).files
    usable = all(map(_is_usable, provenance.database_names.values()))
    return bool(same and usable and files.has_inputs(record.id, provenance.checksums))


def _is_usable(database: str) -> bool:
    found = services().databases.find(database)
    return found is not None and not found.paused


def files_of(record: Record) -> list[ResultFile]:
    """Return the result files of a job, if it has a result."""
    files = services().reader_for(record.id).files
    return result_files(files, record.id, record.attempt) if record.has_result else []
