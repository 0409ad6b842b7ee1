"""The processes of a worker and of the web when the system refuses to start them, or an operator removes them."""

import resource
import signal
from pathlib import Path

import psutil
import pytest

from tests.conftest import Installation, refusing, wait_for
from tests.http import fetch
from tests.test_fitness import attempts, not_ready
from tests.test_recovery import let_be_stale, let_jobs_end

pytestmark = pytest.mark.slow


def test_a_worker_that_has_no_process_takes_no_jobs(own_installation: Installation, tmp_path: Path) -> None:
    """Because the system refuses them, an operator has shrunk the pool, or they could not open files. It resumes.

    A job that failed for this reason runs again, and so does one of a worker that is stopped then.
    """
    site, refuses = own_installation, tmp_path / "refuses"
    site.more_environ = {"worker": refusing(tmp_path)}
    site.start("redis", "worker", "web")
    wait_for(lambda: not_ready(site) == "")

    refuses.touch()
    job = site.submit("diary", seconds=0.1)
    wait_for(lambda: "Cannot start a thread." in not_ready(site))
    wait_for(lambda: "a process of this worker could not be started" in site.log.read_text())
    refuses.unlink()
    assert attempts(site, [job]) == {("finished", 1)}
    wait_for(lambda: not_ready(site) == "")

    site.celery.control.pool_shrink(site.settings.worker_concurrency)
    wait_for(lambda: "The worker has no process" in not_ready(site))
    job = site.submit("diary", seconds=0.1)
    worker = psutil.Process(site.pid("worker"))
    limits = resource.prlimit(worker.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(worker.pid, resource.RLIMIT_NOFILE, (worker.num_fds() + 40, limits[1]))  # as if it had a leak
    site.celery.control.pool_grow(1)
    wait_for(lambda: "more files can be opened" in site.log.read_text())
    wait_for(lambda: "could not be prepared, and is replaced" in site.log.read_text())
    resource.prlimit(worker.pid, resource.RLIMIT_NOFILE, limits)
    assert attempts(site, [job]) == {("finished", 1)}
    wait_for(lambda: not_ready(site) == "")

    crowded = site.submit("crowd", times=1)
    wait_for(lambda: "requeuing a job that failed: Cannot start a thread." in site.log.read_text())
    wait_for(lambda: not_ready(site))  # so that no attempt fails after the next line, which would count
    refuses.unlink()
    assert attempts(site, [crowded]) == {("finished", 1)}

    running = site.submit("diary", seconds=100.0)
    wait_for(lambda: site.store.find(running).phase == "running")
    refuses.touch()
    site.signal("worker", signal.SIGTERM)
    wait_for(lambda: not site.is_running("worker"))
    assert "Signal handler" not in site.log.read_text()  # as Celery says when one raises an exception
    refuses.unlink()
    let_be_stale(site, running)  # if Redis did not answer in time because others use the disk, the job has only a mark
    let_jobs_end(site)
    site.start("worker")
    assert attempts(site, [running]) == {("finished", 1)}


def test_the_web_goes_on_when_it_cannot_replace_a_process(own_installation: Installation, tmp_path: Path) -> None:
    """The others answer, and it replaces the process when the system allows it."""
    site, refuses = own_installation, tmp_path / "refuses"
    site.more_environ = {"web": refusing(tmp_path)}
    site.start("web")
    web = psutil.Process(site.pid("web"))
    wait_for(lambda: len(web.children()) == 2)
    refuses.touch()
    web.children()[0].kill()
    wait_for(lambda: "a process of the web could not be started" in site.log.read_text())
    refuses.unlink()
    wait_for(lambda: len(web.children()) == 2)
    assert fetch(site, "/").status == 200
