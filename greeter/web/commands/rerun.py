"""The command `flask rerun`, which runs the job of a job.zip again and compares the results."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from greeter.jobs import versions
from greeter.jobs.files.result_files import ResultFile
from greeter.toolkit.checksums import sha256_of
from greeter.toolkit.job import Result
from greeter.toolkit.tool import Params, Tool, signature
from greeter.web.commands import bp
from greeter.web.commands.execution import Given, execute
from greeter.web.provenance.crate import OUTPUTS, RESULT, result_bytes
from greeter.web.provenance.crate_reader import Crate, NotACrate, TooLarge, read
from greeter.web.services import services
from greeter.web.template_filters import printable


@bp.cli.command()
@click.argument("archive", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def rerun(archive: Path) -> None:
    """Run the job of a job.zip again in this shell, without time limits, and compare the results.

    Prints which versions differ, and whether each file of the result is the same, byte for byte. Exits with status 1 if
    any file differs.
    """
    with TemporaryDirectory() as folder, _printable_errors():
        crate = _read(archive, Path(folder))
        tool = _tool(crate)
        click.echo(printable(f"{crate.summary} {crate.error}".rstrip()), err=True)
        now = services().with_site_name(versions.code_versions(tool) | versions.machine_versions(tool))
        then = {**crate.versions, **{name: sum_[: versions.DIGITS] for name, sum_ in crate.databases.items()}}
        for line in _compare_versions(then, now | {name: _of_database(name) for name in crate.databases}):
            click.echo(printable(line))
        result, files = execute(tool, _given(crate.params), crate.params, takes_paused=True)
    differences = list(_compare(crate.sums, _sums(result, files)))
    for path, difference in differences:
        click.echo(printable(f"{path}: {difference or 'the same, byte for byte'}"))
    sys.exit(any(difference for _, difference in differences))


def _read(archive: Path, folder: Path) -> Crate:
    """Read an archive. A job has no more bytes of input than one visitor may have. Raises ClickException."""
    most = services().settings.max_client_bytes
    try:
        return read(archive, folder, most)
    except NotACrate as error:
        advice = "Download job.zip again from the page of the job."
        raise click.ClickException(f"This is not the unchanged archive of a job: {error}. {advice}") from None
    except TooLarge as error:
        problem = f"The input files in this archive have {error} bytes, and MAX_CLIENT_BYTES is {most}."
        raise click.ClickException(f"{problem} If you trust the archive, set it higher.") from None


@contextmanager
def _printable_errors() -> Iterator[None]:
    """Remove control characters from errors, which may have texts of the archive."""
    try:
        yield
    except click.ClickException as error:
        raise type(error)(printable(error.message, keep="\n")) from None


def _tool(crate: Crate) -> Tool:
    """Return the tool of a crate. Raises ClickException if it cannot run this job."""
    tool = services().tools.get(crate.tool)
    if tool is None:
        raise click.ClickException(f"There is no tool {crate.tool!r} here. Add its file to greeter/tools/.")
    if crate.missing:
        raise click.ClickException("The job was cancelled before it started, so its archive has no input to run.")
    submitted = signature(crate.tool, crate.params)
    if tool.signature != submitted:
        advice = f"Use the code with these versions: {_words(crate.versions)}."
        raise click.ClickException(f"The tool is {tool.signature} now, and was {submitted}. {advice}")
    return tool


def _of_database(name: str) -> str:
    """Return the start of the SHA-256 of a database as it is here. Another site may use the same name."""
    database = services().databases.find(name)
    if not database or not (database.folder / database.file).is_file():
        return "not here"
    found = sha256_of(database.path)
    is_changed = found != database.files[database.file]
    return found[: versions.DIGITS] + f" ({database.file} was changed after it was added)" * is_changed


def _given(params: Params) -> dict[str, Given]:
    """Return the parameters whose text is exact. The form shows some of them rounded."""
    exact = {name: value for name, value in params.items() if isinstance(value, str | int | float | Decimal)}
    return {name: value if isinstance(value, bool) else [str(value)] for name, value in exact.items()}


def _sums(result: Result, files: Iterable[ResultFile]) -> dict[str, str]:
    """Return the SHA-256 of each file of a result, by its path in an archive."""
    stored = json.loads(json.dumps(result))  # as it comes out of the record of a job
    own = {RESULT: sha256(result_bytes(stored)).hexdigest()}
    return own | {OUTPUTS + file.name: sha256_of(file.path) for file in files}


def _compare(then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the path of each file with what differs; an empty text if it is the same."""
    for path in {**then, **now}:
        if path not in now:
            yield path, "missing now"
        elif path not in then:
            yield path, "not in the archive"
        else:
            yield path, "" if then[path] == now[path] else "differs"


def _compare_versions(then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for each version that differs, or one that says that none does."""
    changed = [name for name in {**then, **now} if then.get(name) != now.get(name)]
    for name in changed:
        yield f"Version of {name}: {then.get(name, 'not recorded')} then, {now.get(name, 'not used')} now."
    if not changed:
        yield f"The versions are the same: {_words(now)}."


def _words(found: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in found.items())
