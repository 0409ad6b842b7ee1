"""A DATA_DIR that does not answer, as when an NFS server is down: no system call that uses it returns."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, Installation, compiled_library, wait_for
from tests.http import fetch, post, submit
from tests.test_fitness import COMMANDS, not_ready
from tests.test_recovery import running

pytestmark = pytest.mark.slow

HANGING_DISK = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
int usleep(unsigned);
long syscall(long, ...);
static void hang(const char *path) {
  const char *disk = getenv("DISK"), *hangs = getenv("DISK_HANGS");
  if (path && !strncmp(path, disk, strlen(disk)))
    while (!syscall(SYS_access, hangs, 0)) usleep(10000);
}
#define REAL(name) ((long (*)()) dlsym(RTLD_NEXT, #name))
#define ONE(name) int name(const char *p, long a, long b) { hang(p); return REAL(name)(p, a, b); }
#define AT(name) int name(int d, const char *p, long a, long b) { hang(p); return REAL(name)(d, p, a, b); }
ONE(open) ONE(open64) ONE(stat) ONE(stat64) ONE(lstat) ONE(lstat64) ONE(mkdir) ONE(statvfs) ONE(statvfs64) ONE(unlink)
ONE(rmdir) AT(openat) AT(openat64) AT(fstatat) AT(fstatat64) AT(mkdirat) AT(unlinkat)
void *opendir(const char *p) { hang(p); return ((void *(*)()) dlsym(RTLD_NEXT, "opendir"))(p); }
"""
"""While the file DISK_HANGS exists, no call with a path below DISK returns."""


@pytest.fixture
def hanging(own_installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a path. While there is a file, the folder of the jobs does not answer the web and the worker."""
    folder = tmp_path_factory.mktemp("hanging")
    preloaded = compiled_library(folder, HANGING_DISK)
    environ = {
        "LD_PRELOAD": preloaded,
        "DISK": str(own_installation.store.files.root),
        "DISK_HANGS": str(folder / "hangs"),
    }
    own_installation.more_environ = {"web": environ, "worker": environ}
    return folder / "hangs"


def status(site: Installation, job: str) -> tuple[int, str]:
    """Return the HTTP status and the phase of a job."""
    answer = fetch(site, f"{job}.json")
    return answer.status, json.loads(answer.body)["phase"] if answer.status == 200 else ""


def test_the_site_goes_on_while_its_folder_does_not_answer(
    own_installation: Installation, hanging: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Submissions are refused with their input kept, pages are shown, and a job that uses the folder can be ended."""
    monkeypatch.delenv("_FOLDER_SECONDS")
    site = own_installation
    site.start("redis", "worker", "web")
    ended = submit(site, "expensive_greet", person="Ada", total="1")
    wait_for(lambda: status(site, ended) == (200, "finished"))
    active = submit(site, "expensive_greet", person="Ada", total="1000")
    writing = site.submit("write_often", seconds=1000.0)
    running(site, active.rpartition("/")[2])
    running(site, writing)
    hanging.touch()
    for _ in range(70):  # more than the web has threads
        answer = post(site, "/tools/expensive_greet", person="Grace", total="1")
        assert (answer.status, "cannot store jobs at the moment" in answer.body) == (503, True)
        assert "Grace" in answer.body
    assert not_ready(site).startswith("DATA_DIR does not respond")
    assert status(site, active) == (200, "running")
    assert fetch(site, "/tools/phmmer").status == 200
    wait_for(lambda: [fetch(site, ended).status for _ in range(4)] == [503] * 4)
    wait_for(lambda: (site.workers(), len(site.store.statistics().unfit)) == (0, 1))
    fetch(site, f"/jobs/{writing}/cancel", "POST")
    assert site.ended(writing).phase == "cancelled"
    assert status(site, active) == (200, "running")
    hanging.unlink()
    wait_for(lambda: not_ready(site) == "")
    assert status(site, ended) == (200, "finished")
    assert site.ended(site.submit("diary", seconds=0.1)).phase == "finished"
    assert site.is_running("worker")


def test_a_process_whose_folder_does_not_answer_exits(own_installation: Installation, hanging: Path) -> None:
    """Its supervisor starts it again, unlike one that is configured wrongly."""
    site = own_installation
    site.start("redis")
    hanging.touch()
    environ = os.environ | site.environ | site.more_environ["web"]
    environ |= {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    refused = [
        subprocess.Popen(command, env=environ, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for command in COMMANDS.values()
    ]
    try:
        for process in refused:
            _, message = process.communicate(timeout=60)
            assert (process.returncode, "DATA_DIR does not respond" in message) == (os.EX_TEMPFAIL, True)
    finally:
        for process in refused:
            process.kill()
