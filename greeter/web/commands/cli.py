"""Commands for the operator. Run them as `honcho run flask COMMAND`, which also reads .env."""

import sys
import time
from contextlib import closing, suppress

import click
from flask import Flask
from redis import RedisError

from greeter.jobs import installation
from greeter.jobs.errors import UNAVAILABLE, JobNotFound, QueueFull, StorageFull, Unfit
from greeter.jobs.phase import Phase
from greeter.jobs.records import redis_check, redis_copy
from greeter.jobs.worker import fitness
from greeter.redis_url import RedisUrl
from greeter.toolkit.tool import Tool
from greeter.web.commands import add_database, bp, check_tools, database_commands, describe, drain, rerun, run_tool  # noqa: F401
from greeter.web.input.forms import make_form
from greeter.web.input.uploads import RequestUploads
from greeter.web.services import services
from greeter.web.site import template_problems


def init_app(app: Flask) -> None:
    """Add all commands to `flask`."""
    app.register_blueprint(bp)


@bp.cli.command("check-settings")
def check_settings() -> None:
    """Check the settings, and the templates in SITE_DIR."""
    # This runs only with valid settings: for others, load_settings() has printed the problems and exited.
    if problems := list(template_problems()):
        raise click.ClickException("\n".join(["These templates cannot be used:", *problems, "Correct them."]))
    click.echo("The settings can be used.")


@bp.cli.command()
@click.option("--seconds", default=300, show_default=True, help="Maximum time for each job to wait and run.")
def selftest(seconds: int) -> None:
    """Run the example of each tool through the queue and compare its result with the tool's sample.

    Exits with status 1 if any of them fails. A tool whose programs are not installed is skipped.
    """
    failed = False
    for tool in services().tools.values():
        if missing := services().availability.problem(tool):
            click.echo(f"{tool.name}: skipped. {missing}")
            continue
        started = time.monotonic()
        try:
            problem = _run_example(tool, seconds)
        except (QueueFull, StorageFull, Unfit, *UNAVAILABLE, OSError) as error:
            problem = f"{type(error).__name__}: check /health/ready, then the log"
        success = (
            "same result as the sample" if services().samples.id_for_tool(tool.name) else "finished, without a sample"
        )
        click.echo(f"{tool.name}: {problem or success}, {time.monotonic() - started:.1f} s")
        failed = failed or bool(problem)
    sys.exit(failed)


def _run_example(tool: Tool, seconds: int) -> str:
    """Run the example of a tool, and return what is wrong with its result, or an empty string."""
    jobs, samples = services().jobs, services().samples
    with closing(RequestUploads(services())) as uploads:
        job_id = jobs.submit(tool, make_form(tool, data=tool.example, new_upload=uploads.create).data)
    deadline = time.monotonic() + seconds
    try:
        while (record := jobs.store.find(job_id)).active:
            if time.monotonic() > deadline:
                return f"still {record.phase}, with {record.workers} workers: check /health/ready, then the log"
            time.sleep(0.1)
        if record.phase != Phase.FINISHED:
            return f"{record.phase}: search the log for {record.reference}"
        sample = samples.id_for_tool(tool.name)
        if sample and record.result != samples.find(sample).result:
            return "result differs from the sample: run the example on the site and compare the two pages"
        return ""
    finally:
        with suppress(JobNotFound, *UNAVAILABLE):
            jobs.cancel(job_id)
            jobs.delete(job_id)


@bp.cli.command()
@click.argument("job_id")
def keep_sample(job_id: str) -> None:
    """Make a finished job the sample of its tool. The site shows it permanently, and selftest compares with it."""
    try:
        record = services().jobs.store.find(job_id)
    except JobNotFound:
        raise click.ClickException("There is no such job. Copy the id from the address of its page.") from None
    if record.phase != Phase.FINISHED:
        raise click.ClickException(f"This job is {record.phase}. Choose one that is finished.")
    sample = services().samples.keep(services().jobs.store, job_id)
    click.echo(f"Kept as /jobs/{sample}. Commit its folder in greeter/tools/samples.")


@bp.cli.command("pair-storage")
def pair_storage() -> None:
    """Pair DATA_DIR and Redis again after you have emptied or replaced one of them on purpose."""
    store = services().jobs.store
    installation.forget(store)
    if problem := fitness.problem(store):  # this creates an installation
        raise click.ClickException(problem)
    click.echo("DATA_DIR and Redis belong together now. Start the services that refused to start.")


@bp.cli.command("copy-redis")
@click.option("--from", "source_url", prompt="URL of the server to copy from", help="Asked for if it is not given.")
@click.option("--replace", is_flag=True, help="First delete all records of the server in REDIS_URL.")
def copy_redis(source_url: str, replace: bool) -> None:
    """Copy all records from another server to the one in REDIS_URL. Stop the web, all workers and Flower first."""
    redis_check.check(services().settings.redis_url)
    try:
        target = RedisUrl.parse(services().settings.redis_url).connect(timeout=60, connect_timeout=3)
        with RedisUrl.parse(source_url).connect(timeout=60, connect_timeout=3) as source, target:
            copied = redis_copy.copy(source, target, replace=replace)
    except ValueError as error:
        raise click.ClickException(f"The URL of the server to copy from {error}.") from None
    except redis_copy.CopyRefused as error:
        raise click.ClickException(str(error)) from None
    except RedisError as error:
        problem = f"One of the servers cannot be used: {error}."
        raise click.ClickException(f"{problem} Check both URLs, and try again.") from None
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(copied.items()))
    click.echo(f"Copied and compared {copied.total()} keys ({kinds}). Start the services.")
