"""Jobs on a real Redis and a real worker, and Celery's view of them."""

from typing import Any

import pytest
from celery.app.registry import TaskRegistry
from celery.result import AsyncResult

from greeter import tools
from greeter.jobs.errors import JobNotFound
from greeter.jobs.runner import Runner
from greeter.jobs.worker.registration import register_tools
from greeter.toolkit import ToolError
from tests.conftest import PATIENCE, Installation, wait_for
from tests.http import go_on

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tasks(installation: Installation) -> TaskRegistry:
    """The tasks of the tools, as a worker has them."""
    register_tools(installation.celery, tools.load().values())
    return installation.celery.tasks


def test_async_result_follows_a_job(installation: Installation) -> None:
    """AsyncResult has the state, meta and result of a job, as Celery documents."""
    job_id = installation.submit("rest")
    result: AsyncResult[Any] = AsyncResult(job_id, app=installation.celery)
    seen = wait_for(lambda: str(result.state) == "PROGRESS" and result.info["current"] and result.info)
    assert seen == {"current": 1, "total": 2, "unit": "step", "seconds": seen["seconds"]}
    go_on(installation, job_id)
    assert result.get(timeout=PATIENCE) == {"steps": 2}
    assert result.state == "SUCCESS"
    record = installation.ended(job_id)
    assert (record.phase, record.progress["current"], record.progress["total"]) == ("finished", 2, 2)


def test_a_file_parameter_reaches_the_tool_as_a_path(installation: Installation) -> None:
    """Submitted bytes become a file of the job, whose path the tool gets."""
    job_id = installation.submit("phmmer", query=b">a\nMKVLAWTRHMKVLAWTRH\n", database=None, targets=None, evalue=10.0)
    assert installation.ended(job_id).result["queries"] == 1
    assert [path.name for path in installation.store.files.outputs(job_id, 1)] == [
        *("aligned.fasta", "alignments.aln", "alignments.sto", "domains.tbl"),
        *("hits.fasta", "hits.tsv", "phmmer.txt", "queries.tsv", "targets.tbl"),
    ]


def test_the_soft_limit_gives_a_labelled_fallback(installation: Installation) -> None:
    """The result has what was done by then, and the record is marked as partial."""
    record = installation.ended(installation.submit("yield_some"))
    assert (record.phase, record.state) == ("stopped", "SUCCESS")
    assert record.result == {"counted": record.progress["current"]}
    assert record.progress["total"] == 100
    assert 0 < record.progress["current"] < 100


@pytest.mark.parametrize(
    ("tool", "sentence"),
    [
        ("blame", "There is no gene in this sequence. Try another one."),
        ("gorge", "ran out of memory"),
        ("sprawl", "ran out of memory"),
        ("squeeze", "could not start another process"),
        ("dawdle", "time limit"),
        ("vanish", "lost on every attempt"),
        ("ramble", "The result is too large to be shown."),
        ("boast", "y ..."),
    ],
)
def test_a_failure_has_a_user_message(installation: Installation, tool: str, sentence: str) -> None:
    """The user learns the cause, and the worker runs the next job."""
    record = installation.ended(installation.submit(tool))
    assert record.phase == "failed"
    assert sentence in str(record.user_message)
    assert installation.ended(installation.submit("blame")).phase == "failed"


@pytest.mark.parametrize("tool", ["stumble", "mumble", "divide"])
def test_a_bug_is_logged_under_the_reference_on_the_page(installation: Installation, tool: str) -> None:
    """The log has the traceback and the reference, but not the whole id."""
    record = installation.ended(installation.submit(tool))
    assert (record.phase, record.user_message) == ("failed", None)
    bug = f"bug in the tool {tool} job={record.reference}\nTraceback"
    wait_for(lambda: bug in installation.log.read_text())
    assert record.id not in installation.log.read_text()


def test_async_result_raises_the_error_of_the_tool(installation: Installation) -> None:
    """AsyncResult.get raises the exception that the tool raised."""
    result: AsyncResult[Any] = AsyncResult(installation.submit("blame"), app=installation.celery)
    with pytest.raises(ToolError, match="no gene"):
        result.get(timeout=PATIENCE)


def test_the_log_has_no_user_input(installation: Installation) -> None:
    """Parameters and results are only in the record."""
    job_id = installation.submit("expensive_greet", person="Rosalind", total=1)
    installation.ended(job_id)
    log = wait_for(lambda: f"ended job={job_id[:8]}" in (text := installation.log.read_text()) and text)
    assert "Rosalind" not in log


@pytest.mark.parametrize("meta", [None, "aligning", [1, 2], {"done": 3}, {"current": "3", "total": 4}])
def test_a_tool_may_set_any_meta(installation: Installation, tasks: TaskRegistry, meta: Any) -> None:
    """AsyncResult returns it unchanged, and a meta without a count is not shown as progress."""
    job_id = installation.submit("nap")
    installation.celery.set_current()  # as create_app does, so that AsyncResult needs no app
    result: AsyncResult[Any] = AsyncResult(job_id)
    assert wait_for(lambda: result.state == "STARTED" and result.info)["hostname"]
    worker = installation.redis.hget(f"job:{job_id}", "worker").decode()
    installation.celery.runner = Runner(worker)  # write as the process that runs the job
    try:
        tasks["nap"].update_state(job_id, "ALIGNING", meta)
    finally:
        installation.celery.runner = Runner()
    assert (result.state, result.info) == ("ALIGNING", meta)
    record = installation.store.find(job_id)
    assert (record.phase, record.progress) == ("running", None)
    installation.store.cancel(job_id)
    assert installation.ended(job_id).phase == "cancelled"
    result.forget()
    assert result.state == "PENDING"


def test_async_result_has_the_traceback_and_the_date(installation: Installation) -> None:
    """Both are set once the task has ended."""
    result: AsyncResult[Any] = AsyncResult(installation.submit("stumble"), app=installation.celery)
    wait_for(result.ready)
    assert "ZeroDivisionError" in str(result.traceback)
    assert result.date_done.tzinfo is not None


def test_revoking_an_unknown_task_creates_no_record(installation: Installation) -> None:
    """Celery may revoke an id that never existed."""
    installation.celery.backend.mark_as_revoked("0" * 32)
    with pytest.raises(JobNotFound):
        installation.store.find("0" * 32)
    assert AsyncResult("0" * 32, app=installation.celery).state == "PENDING"


def test_an_end_state_is_final(installation: Installation) -> None:
    """Later writes of any kind change nothing."""
    record = installation.ended(installation.submit("blame"))
    backend = installation.celery.backend
    backend.store_result(record.id, {"current": 1, "total": 2}, "PROGRESS")
    backend.mark_as_done(record.id, {"late": True})
    assert installation.store.find(record.id).tag == record.tag


def test_every_tool_is_a_task_with_its_limit(installation: Installation, tasks: TaskRegistry) -> None:
    """The hard limit, for Celery too, is TIME_LIMIT_GRACE after the soft limit of the tool or the setting."""
    settings = installation.settings
    assert tasks["dawdle"].time_limit == 1 + settings.time_limit_grace
    assert tasks["phmmer"].time_limit == settings.soft_time_limit + settings.time_limit_grace
