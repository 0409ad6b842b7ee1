"""The result backend and the job service on a real Redis, without a worker."""

import pickle
from errno import ENOSPC

import pytest
import redis
from celery.app.task import Context
from celery.app.trace import report_internal_error
from celery.exceptions import Retry, TaskRevokedError, TimeLimitExceeded, WorkerLostError

from greeter.jobs.backend import JobBackend
from greeter.jobs.errors import JobNotFound
from greeter.jobs.failures import failure_result
from greeter.jobs.runner import Runner
from greeter.jobs.worker.task import ToolTask
from greeter.toolkit import ToolError
from greeter.toolkit.job import Fallback
from greeter.tools import load
from tests.conftest import Installation

pytestmark = pytest.mark.redis


@pytest.fixture
def site(with_redis: Installation) -> Installation:
    """An installation with Redis only, which writes as the process of a worker does."""
    with_redis.celery.runner = Runner("worker", 1)
    return with_redis


@pytest.fixture
def backend(site: Installation) -> JobBackend:
    """The result backend."""
    found = site.celery.backend
    assert isinstance(found, JobBackend)
    return found


def claimed(site: Installation) -> str:
    """Submit a job, claim it, and return its id."""
    job_id = site.submit("nap")
    site.store.runs.claim(job_id, site.celery.runner, {})
    return job_id


def test_a_state_and_its_meta_are_stored_in_the_record(site: Installation, backend: JobBackend) -> None:
    """Celery reads what it stored, and the record shows the same."""
    job_id = claimed(site)
    assert backend.get_task_meta(job_id)["result"] == {"pid": 1, "hostname": "worker"}
    backend.store_result(job_id, {"current": 1, "total": 2}, "PROGRESS")
    assert (backend.get_state(job_id), backend.get_result(job_id)) == ("PROGRESS", {"current": 1, "total": 2})
    backend.store_result(job_id, None, "PENDING")  # only the job service makes a job wait
    assert site.store.find(job_id).percent == 50
    backend.mark_as_done(job_id, {"answer": 42})
    assert (backend.get_state(job_id), backend.get_result(job_id)) == ("SUCCESS", {"answer": 42})
    assert site.store.find(job_id).phase == "finished"


def sent_to_the_main_process(task: ToolTask, error: Exception) -> BaseException | None:
    """Return the error as a pool process sends it if it is raised outside the function of a tool."""
    try:
        raise error
    except type(error):
        return report_internal_error(task, error).exception


def test_an_error_outside_the_function_of_a_tool_is_stored_as_it_is(site: Installation) -> None:
    """For example, one that is raised while the result is stored."""
    task = ToolTask(load()["nap"], 10, 10, 1000)
    task.bind(site.celery)
    error = OSError(ENOSPC, "No space left on device")
    with pytest.warns(RuntimeWarning, match="outside body"):
        sent = sent_to_the_main_process(task, error)
    assert failure_result(pickle.loads(pickle.dumps(sent))) == failure_result(error)


def test_no_later_write_changes_an_end_state(site: Installation, backend: JobBackend) -> None:
    """Another result, progress, a failure, a lost process and a cancellation are all ignored."""
    job_id = claimed(site)
    backend.mark_as_done(job_id, {"answer": 42})
    tag = site.store.find(job_id).tag
    backend.store_result(job_id, {"current": 1, "total": 2}, "PROGRESS")
    backend.mark_as_done(job_id, {"answer": 43})
    backend.mark_as_failure(job_id, ToolError("late"))
    backend.mark_as_failure(job_id, WorkerLostError("late"))
    backend.mark_as_revoked(job_id)
    assert site.store.find(job_id).tag == tag


def test_a_fallback_is_marked_as_partial(site: Installation, backend: JobBackend) -> None:
    """The phase is "stopped", although Celery's state is SUCCESS."""
    job_id = claimed(site)
    backend.mark_as_done(job_id, Fallback(answer="half"))
    record = site.store.find(job_id)
    assert (record.state, record.phase, record.result) == ("SUCCESS", "stopped", {"answer": "half"})


def test_a_failure_has_the_user_message_and_the_traceback(site: Installation, backend: JobBackend) -> None:
    """Celery gets the exception back."""
    job_id = claimed(site)
    backend.mark_as_failure(job_id, ToolError("Try another one."), traceback="Traceback")
    assert (site.store.find(job_id).phase, site.store.find(job_id).user_message) == ("failed", "Try another one.")
    assert isinstance(backend.get_result(job_id), ToolError)
    assert backend.get_traceback(job_id) == "Traceback"


def test_a_lost_process_requeues_the_job_once(site: Installation, backend: JobBackend) -> None:
    """After the second loss the job fails."""
    job_id = claimed(site)
    site.celery.runner = Runner("worker")  # the main process, which notices that a process is lost
    backend.mark_as_failure(job_id, WorkerLostError("killed"))
    assert (site.store.find(job_id).phase, site.store.find(job_id).attempts) == ("waiting", 1)
    assert site.redis.llen("celery") == 1  # of the second attempt
    site.store.runs.claim(job_id, Runner("worker", 2), {})
    backend.mark_as_failure(job_id, WorkerLostError("killed"), request=Context(worker_pid=1))
    backend.mark_as_retry(job_id, Retry(), request=Context(worker_pid=1))
    backend.mark_as_failure(job_id, TimeLimitExceeded(5), request=Context(worker_pid=1))
    assert site.store.find(job_id).phase == "running"
    backend.mark_as_failure(job_id, WorkerLostError("killed"), request=Context(worker_pid=2))
    assert "lost on every attempt" in str(site.store.find(job_id).user_message)


def test_revoking_and_forgetting_cancel_and_delete_the_job(site: Installation, backend: JobBackend) -> None:
    """Celery may do both with an unknown id too."""
    job_id = site.submit("nap")
    for known in (job_id, "0" * 32):
        backend.mark_as_revoked(known)
    assert isinstance(backend.get_result(job_id), TaskRevokedError)
    for known in (job_id, "0" * 32):
        backend.forget(known)
        assert backend.get_state(known) == "PENDING"
        with pytest.raises(JobNotFound):
            site.store.find(known)


def test_an_active_job_is_not_deleted(site: Installation) -> None:
    """It has to be cancelled first."""
    job_id = site.submit("nap")
    assert not site.jobs.delete(job_id)
    site.jobs.cancel(job_id)
    assert site.jobs.delete(job_id)


def test_only_storing_an_end_state_raises_while_redis_is_down(own_installation: Installation) -> None:
    """While Redis is down, storing a result raises, so that Celery repeats it, and storing progress does not."""
    own_installation.start("redis")
    own_installation.celery.runner = Runner("worker", 1)
    backend, job_id = own_installation.celery.backend, claimed(own_installation)
    assert isinstance(backend, JobBackend)
    own_installation.stop("redis")
    backend.store_result(job_id, {"current": 1, "total": 2}, "PROGRESS")
    with pytest.raises(redis.ConnectionError) as raised:
        backend.mark_as_done(job_id, {"answer": 42})
    assert backend.exception_safe_to_retry(raised.value)


def test_meta_that_is_too_large_is_not_stored(
    site: Installation, backend: JobBackend, caplog: pytest.LogCaptureFixture
) -> None:
    """The page keeps the last one, and the log names the job."""
    job_id = claimed(site)
    backend.store_result(job_id, {"current": 1}, "PROGRESS")
    backend.store_result(job_id, {"current": 2, "unit": "x" * 10**7}, "PROGRESS")
    backend.store_result(job_id, {"current": 3}, "P" * 10**7)
    assert (backend.get_state(job_id), backend.get_result(job_id)) == ("PROGRESS", {"current": 1})
    assert caplog.text.count(f"job {job_id[:8]} was not stored") == 2


def test_an_error_of_any_size_ends_the_job(site: Installation, backend: JobBackend) -> None:
    """The message is cut at its end, the traceback at its start, and neither needs to be valid text."""
    job_id = claimed(site)
    backend.mark_as_failure(job_id, ToolError("x" * 10**7 + "\udcff"), traceback="t" * 10**7 + "\udcff the end")
    assert site.store.find(job_id).phase == "failed"
    assert str(backend.get_traceback(job_id)).endswith("ttt\\udcff the end")
    assert (site.redis.memory_usage(f"job:{job_id}") or 0) < 200_000
