"""Run a tool in this shell, with values for the fields of its form that are checked as on the web."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory, mkdtemp
from typing import TypeAlias

import click
from werkzeug.datastructures import MultiDict
from wtforms import Field, FieldList, Form, FormField

from greeter.jobs.failures import OUT_OF_MEMORY
from greeter.jobs.files.bounds import check_result
from greeter.jobs.files.folders import JobFiles
from greeter.jobs.files.result_files import ResultFile, result_files
from greeter.jobs.params import file_params
from greeter.jobs.worker.registration import max_cores
from greeter.toolkit import FileField, Job, ProgramError, Result, SoftTimeLimitExceeded, ToolError
from greeter.toolkit.threads import limited_threads
from greeter.toolkit.tool import Params, Tool
from greeter.toolkit.upload import Upload
from greeter.web.commands.terminal import interruptible, progress_bar
from greeter.web.input.forms import Submitted, make_form, shown_values
from greeter.web.services import services

Given: TypeAlias = bool | Sequence[str] | None
"""The value of an option: texts or paths; for a check box, whether it is checked; None if the option is missing."""


def execute(
    tool: Tool, given: Mapping[str, Given], shown: Params, *, takes_paused: bool = False
) -> tuple[Result, list[ResultFile]]:
    """Run a tool in a new temporary folder, with a progress bar.

    Args:
        tool: The tool.
        given: The values that were given for fields.
        shown: What the form shows in the other fields.
        takes_paused: Whether databases can be used that are paused.

    Returns:
        The result, and the result files.

    Raises:
        UsageError: The form does not accept a value.
        ClickException: The tool has no result.
    """
    with TemporaryDirectory() as submitted:
        params = _check(tool, given, shown, Path(submitted), takes_paused)
        folder = Path(mkdtemp(prefix=f"{tool.name}-"))
        files = JobFiles(folder.parent)
        files.create(folder.name, file_params(params))
    settings = services().settings
    job = Job(files.attempt(folder.name, 1), settings.job_memory, min(tool.cores, max_cores(settings)))
    try:
        with progress_bar(job), limited_threads(job.cores), interruptible():
            result = _call(tool, job, {**params, **files.inputs(folder.name)})
    finally:
        job.close()
        click.echo(f"The files of this job are in {folder}.", err=True)
    return result, result_files(files, folder.name, 1)


def _call(tool: Tool, job: Job, params: Params) -> Result:
    try:
        return check_result(tool(job, **params), services().settings.max_result_bytes)
    except ProgramError as error:
        raise click.ClickException(f"{error}\n{error.output}".rstrip()) from None
    except ToolError as error:
        raise click.ClickException(str(error)) from None
    except MemoryError:
        raise click.ClickException(OUT_OF_MEMORY) from None
    except FileNotFoundError as error:
        if error.errno is not None:  # of a file: a bug, whose traceback helps
            raise
        raise click.ClickException(str(error)) from None
    except SoftTimeLimitExceeded:
        problem = "The tool did not catch SoftTimeLimitExceeded, so it has no partial result."
        raise click.ClickException(problem) from None


def _check(tool: Tool, given: Mapping[str, Given], shown: Params, folder: Path, takes_paused: bool) -> Params:
    """Return the parameters for values of the form. Raises UsageError if it rejects them."""
    form = submitted_form(tool, given, shown, folder, takes_paused=takes_paused)
    if not form.validate():
        raise click.UsageError("\n".join(f"--{field.name}: {field.errors[0]}" for field in form if field.errors))
    return form.data


def submitted_form(
    tool: Tool, given: Mapping[str, Given], shown: Params, folder: Path, *, takes_paused: bool = False
) -> Form:
    """Return the form of a tool as it would be submitted, not validated yet. New files are in `folder`.

    The other arguments are those of `execute`. Raises UsageError for a field that has fields of its own.
    """

    def new_upload(name: str) -> Upload:
        return Upload(folder / token_hex(8), name, is_new=True)

    fields = make_form(tool, data=shown, new_upload=new_upload)
    values = ((field.name, value) for field in fields for value in _submitted(field, given.get(str(field.name))))
    return make_form(tool, MultiDict(values), new_upload=new_upload, takes_paused=takes_paused)


def _submitted(field: Field, given: Given) -> Submitted:
    """Return what a browser would submit for a field: what was given or, otherwise, what the form shows."""
    if isinstance(field, FieldList | FormField):
        problem = f"The field {field.name} has fields of its own, which cannot be options."
        raise click.UsageError(f"{problem} Call the tool in a test instead.")
    if isinstance(given, bool):
        return ["y"] * given
    if not given:
        return shown_values(field)
    return [Upload(Path(path), Path(path).name) for path in given] if isinstance(field, FileField) else list(given)
