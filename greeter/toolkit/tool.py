"""`@tool` makes something that the site offers out of a form and a plain function."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wtforms import Form

from greeter.toolkit.job import Job

Function = Callable[..., dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A tool of the site. Calling it calls its function, as a test does."""

    name: str
    title: str
    summary: str
    form: type[Form]
    function: Function
    example: Mapping[str, Any] = field(default_factory=dict)
    duration: str = ""
    soft_time_limit: int | None = None
    libraries: Sequence[str] = ()

    def __call__(self, job: Job, **params: Any) -> dict[str, Any]:
        """Call the function."""
        return self.function(job, **params)


def tool(
    title: str,
    *,
    form: type[Form],
    example: Mapping[str, Any] | None = None,
    duration: str = "",
    soft_time_limit: int | None = None,
    libraries: Sequence[str] = (),
) -> Callable[[Function], Tool]:
    """Make a tool of a function `(job, **fields of the form) -> dict`.

    The function's name is the tool's name in addresses and in Celery, the first line of its docstring the
    sentence that the front page shows. It runs in a worker, returns what JSON can hold, and raises ToolError
    where its user can mend the cause. `example` fills the form on request; `duration` tells in words how long
    a job usually takes, for those who have not begun one. After `soft_time_limit` seconds
    (None: the setting SOFT_TIME_LIMIT) it gets SoftTimeLimitExceeded and should return `job.fallback(...)`.
    The page of a job tells the versions of the `libraries`, given as the names of installed packages.

    Raises TypeError when the form's fields are not the function's parameters.
    """

    def decorate(function: Function) -> Tool:
        parameters = list(inspect.signature(function).parameters)[1:]
        fields = list(form()._fields)
        if sorted(parameters) != sorted(fields):
            raise TypeError(f"{function.__name__} takes {parameters} after the job, but its form has {fields}")
        return Tool(
            name=function.__name__,
            title=title,
            summary=(inspect.getdoc(function) or "").partition("\n")[0],
            form=form,
            function=function,
            example=example or {},
            duration=duration,
            soft_time_limit=soft_time_limit,
            libraries=tuple(libraries),
        )

    return decorate
