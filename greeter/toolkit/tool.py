"""The decorator `tool`, which turns a form and a plain function into a tool of the site."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from wtforms import Form

from greeter.toolkit.declarations import (
    check_edam,
    check_programs,
    check_queue,
    check_types,
    require_list,
    require_positive,
)
from greeter.toolkit.errors import ToolError
from greeter.toolkit.form_check import check_parameters
from greeter.toolkit.job import Job, Result

Function = Callable[..., Result]

Params = Mapping[str, Any]
"""The parameters of a tool: the values of its form's fields. A file is a Path, and several are a list of Paths."""

DEFAULT_QUEUE = "celery"


class MemoryNeed(NamedTuple):
    """How much memory a job needs in the worst case, and why.

    Attributes:
        bytes: The memory in bytes.
        because: What needs it: the subject of a sentence, such as "Query 'A' (30,000 residues)".
        advice: A sentence that explains to the user how to need less.
    """

    bytes: int
    because: str
    advice: str = "Submit the data in smaller parts, each as a new job."


def signature(tool: str, parameters: Iterable[str]) -> str:
    """Return the name of a tool with its parameters, such as "phmmer(evalue, query, targets)"."""
    return f"{tool}({', '.join(sorted(parameters))})"


@dataclass(frozen=True)
class Declaration:
    """The arguments of the decorator `tool`, which describes them, and attributes of a `Tool`."""

    title: str
    _: KW_ONLY
    form: type[Form]
    example: Mapping[str, Any] = field(default_factory=dict)
    action: str = "Run"
    position: int = 100
    duration: str = ""
    soft_time_limit: int | None = None
    queue: str = DEFAULT_QUEUE
    libraries: Sequence[str] = ()
    programs: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, Path] = field(default_factory=dict)
    edam: Mapping[str, str] = field(default_factory=dict)
    cores: int = 1
    memory: Callable[..., MemoryNeed] | None = None

    def __post_init__(self) -> None:
        require_list("libraries", self.libraries)
        check_programs(self.programs)
        check_edam(self.edam)
        check_types(self)  # after those that explain more
        check_queue(self.queue)
        require_positive("number of cores", self.cores)
        require_positive("soft time limit", self.soft_time_limit)


@dataclass(frozen=True)
class tool(Declaration):  # noqa: N801  a decorator
    """Turn a function into a tool of the site.

    The function takes a `Job` and one parameter for each field of the form. It returns a dict of JSON values, with None
    instead of NaN and infinity, up to MAX_RESULT_BYTES, or raises `ToolError` if the user can fix the cause. Its name
    identifies the tool.

    Args:
        title: The title of the tool's pages.
        form: A subclass of `wtforms.Form`.
        example: Values that fill the form on request. A file may be a pathlib.Path.
        action: What the button of the form says: a verb such as "Search".
        position: Its place on the front page and the help page: 1 is the first. Those with the same place are sorted
            by file; without one, a tool comes last.
        duration: The usual duration of a job in words, such as "10 seconds".
        soft_time_limit: Seconds until `SoftTimeLimitExceeded` is raised. None: the setting SOFT_TIME_LIMIT.
        queue: The queue in which its jobs wait. The setting WORKER_QUEUES lists the queues that a worker serves.
        libraries: The names of installed packages whose versions each job's page shows.
        programs: The programs that the tool runs, each with the arguments that make it print its version, such as
            `{"mafft": "--version"}`. Each job's page shows the versions, and the tool is not available where a program
            is not installed.
        data: The reference data that the tool uses, by name, such as
            `{"Swiss-Prot": Path("/data/swissprot/reldate.txt")}`. The first line of each file is the release, which
            each job's page shows.
        edam: The operations and topics of EDAM that say what the tool does, each with its label, such as
            `{"operation_0346": "Sequence similarity search"}`.
        cores: The number of processor cores that a job can use. The setting JOB_CORES limits it: see `Job.cores`.
        memory: A function that estimates the memory that a job needs in the worst case. It takes the parameters of the
            tool's function without the job (see `longest_sequence`). The form refuses a job that needs more than the
            setting JOB_MEMORY.

    Raises:
        TypeError: An argument is unknown, missing, or of the wrong type.
        ValueError: The name of the queue, the arguments of a program, an EDAM term or a number cannot be used.
    """

    def __call__(self, function: Function) -> Tool:
        """Turn a function into a tool.

        Raises:
            TypeError: A form field is not supported; or the parameters of the function are not `job` plus the names of
                the form's fields; or those of `memory` are not these names.
        """
        check_parameters(function, self.memory, self.form)
        summary = (inspect.getdoc(function) or "").partition("\n")[0]
        return Tool(**vars(self), name=function.__name__, summary=summary, function=function)


@dataclass(frozen=True, kw_only=True)
class Tool(Declaration):
    """A tool of the site, made by the decorator `tool`."""

    name: str  # of the function; it identifies the tool in URLs and in Celery
    summary: str  # one sentence for the front page: the first line of the function's docstring
    function: Function  # it computes the result

    @property
    def signature(self) -> str:
        """The name with the parameters. A worker runs only jobs that were submitted with the same signature."""
        return signature(self.name, self.form()._fields)

    def __call__(self, job: Job, **params: object) -> Result:
        """Call the function, as the worker and tests do.

        Args:
            job: The job.
            **params: The checked values of the form's fields.

        Returns:
            The result.

        Raises:
            ToolError: The job would need more memory than it may use, or the function raised it.
        """
        if problem := self.memory_problem(params, job.memory):
            raise ToolError(problem)
        return self.function(job, **params)

    def memory_problem(self, params: Params, limit: int) -> str | None:
        """Return a message for the user if a job with these parameters needs more memory, in bytes; otherwise None."""
        need = self.memory(**params) if self.memory else None
        if need is None or need.bytes <= limit:
            return None
        sizes = f"{need.bytes / 2**30:,.1f} GiB of memory, but a job may use {limit / 2**30:,.1f} GiB"
        return f"{need.because} may need {sizes}. {need.advice}"
