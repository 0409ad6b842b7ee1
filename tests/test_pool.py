"""The processes of a worker and of the web when the system refuses to start them, or an operator removes them."""

from pathlib import Path

import psutil
import pytest

from tests.conftest import Installation, compiled_library, wait_for
from tests.http import fetch
from tests.test_fitness import attempts, not_ready

pytestmark = pytest.mark.slow

REFUSING = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static int refuses(void) { return access(getenv("REFUSES"), F_OK) == 0; }

pid_t fork(void) {
  pid_t (*real)(void) = dlsym(RTLD_NEXT, "fork");
  errno = EAGAIN;
  return refuses() ? -1 : real();
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *), void *argument) {
  int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) = dlsym(RTLD_NEXT, "pthread_create");
  return refuses() ? EAGAIN : real(thread, attributes, function, argument);
}
"""


def test_a_worker_that_has_no_process_takes_no_jobs(own_installation: Installation, tmp_path: Path) -> None:
    """Whether the system refuses threads and processes, or an operator has shrunk the pool. It resumes by itself."""
    site, refuses = own_installation, tmp_path / "refuses"
    library = compiled_library(tmp_path, REFUSING)
    site.more_environ = {"worker": {"LD_PRELOAD": library, "REFUSES": str(refuses)}}
    site.start("redis", "worker", "web")
    assert not_ready(site) == ""

    refuses.touch()
    job = site.submit("diary", seconds=0.1)
    assert "No thread can be started." in wait_for(lambda: not_ready(site))
    wait_for(lambda: "a process of this worker could not be started" in site.log.read_text())
    refuses.unlink()
    assert attempts(site, [job]) == {("finished", 1)}
    wait_for(lambda: not_ready(site) == "")

    site.celery.control.pool_shrink(site.settings.worker_concurrency)
    assert "The worker has no process" in wait_for(lambda: not_ready(site))
    job = site.submit("diary", seconds=0.1)
    site.celery.control.pool_grow(1)
    assert attempts(site, [job]) == {("finished", 1)}
    wait_for(lambda: not_ready(site) == "")


def test_the_web_goes_on_when_it_cannot_replace_a_process(own_installation: Installation, tmp_path: Path) -> None:
    """The others answer, and it replaces the process when the system allows it."""
    site, refuses = own_installation, tmp_path / "refuses"
    library = compiled_library(tmp_path, REFUSING)
    site.more_environ = {"web": {"LD_PRELOAD": library, "REFUSES": str(refuses)}}
    site.start("web")
    web = psutil.Process(site.pid("web"))
    wait_for(lambda: len(web.children()) == 2)
    refuses.touch()
    web.children()[0].kill()
    wait_for(lambda: "a process of the web could not be started" in site.log.read_text())
    refuses.unlink()
    wait_for(lambda: len(web.children()) == 2)
    assert fetch(site, "/").status == 200
