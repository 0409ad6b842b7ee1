"""What a visitor was shown is on the disk, even if Redis is killed while that disk is slow."""

import dataclasses
import json
import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from greeter.jobs.worker.celery_app import CeleryApp
from greeter.redis_server import find_server
from tests.conftest import Installation, compiled_library, free_port, wait_for
from tests.http import fetch, post, submit

pytestmark = pytest.mark.slow

STALLED_DISK = """
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
static void stall(void) { while (!access(getenv("STALLED"), F_OK)) usleep(10000); }
int fsync(int file) { stall(); return syscall(SYS_fsync, file); }
int fdatasync(int file) { stall(); return syscall(SYS_fdatasync, file); }
"""

# Logs each fsync, and each message to Redis that has one of the marks. With the file FULL, no result can be synced.
ORDER = """
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
static void note(const char *what) {
    FILE *log = fopen(getenv("ORDER"), "a");
    fprintf(log, "%s\\n", what);
    fclose(log);
}
int fsync(int file) {
    char link[64], path[4096] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    if (readlink(link, path, sizeof path - 1) < 0) return -1;
    note(path);
    if (strstr(path, "/outputs/") && !access(getenv("FULL"), F_OK)) { errno = ENOSPC; return -1; }
    return syscall(SYS_fsync, file);
}
ssize_t send(int file, const void *data, size_t size, int flags) {
    if (memmem(data, size, "marked-label", 12)) note("the record of the submission");
    if (memmem(data, size, "$7\\r\\nSUCCESS", 11)) note("the record of the end");
    return sendto(file, data, size, flags, 0, 0);
}
"""


@pytest.fixture
def stalled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a path. While there is a file, no fsync returns in the processes that the test starts."""
    monkeypatch.setenv("LD_PRELOAD", compiled_library(tmp_path, STALLED_DISK))
    monkeypatch.setenv("STALLED", str(tmp_path / "stalled"))
    return tmp_path / "stalled"


class Visitor(threading.Thread):
    """Submits jobs and reads their status over HTTP, and records what the site answered."""

    def __init__(self, site: Installation) -> None:
        super().__init__()
        self.site, self.stopped = site, threading.Event()
        self.accepted: list[str] = []
        self.ended: dict[str, str] = {}

    def run(self) -> None:
        """Go on until stopped. A refusal or a lost connection promises nothing."""
        while not self.stopped.wait(0.05):
            with suppress(OSError, HTTPException):
                answer = post(self.site, "/tools/diary", seconds="0.1")
                if answer.status == 303:
                    self.accepted.append(answer.headers["Location"])
            for job in random.sample(self.accepted, min(3, len(self.accepted))):
                with suppress(OSError, HTTPException):
                    self.ended |= ended(self.site, job)


def ended(site: Installation, job: str) -> dict[str, str]:
    """Return the end state of a job by its address, if the site shows one."""
    answer = fetch(site, f"{job}.json")
    status: dict[str, Any] = json.loads(answer.body) if answer.status == 200 else {"active": True}
    return {} if status["active"] else {job: status["phase"]}


def test_nothing_that_was_shown_is_lost_when_redis_is_killed(own_installation: Installation, stalled: Path) -> None:
    """After each kill, every job answered with 303 exists, and every job shown as ended has the same end."""
    site = own_installation
    site.start("redis", "worker", "web")
    visitors = [Visitor(site) for _ in range(4)]
    for visitor in visitors:
        visitor.start()
    try:
        for _ in range(3):
            time.sleep(random.uniform(2, 3))
            wait_for(lambda: any(visitor.ended for visitor in visitors))
            stalled.touch()
            time.sleep(1.5)
            site.signal("redis", signal.SIGKILL)
            stalled.unlink()
            site.start("redis")
    finally:
        for visitor in visitors:
            visitor.stopped.set()
            visitor.join()
    accepted = [job for visitor in visitors for job in visitor.accepted]
    shown = {job: phase for visitor in visitors for job, phase in visitor.ended.items()}
    print(f"{len(accepted)} accepted, {len(shown)} shown as ended")
    assert accepted
    assert shown
    statuses = {job: wait_for(partial(status_of, site, job)) for job in accepted}
    assert statuses == dict.fromkeys(accepted, 200)
    assert {job: phase for job in shown for phase in wait_for(partial(ended, site, job)).values()} == shown


def status_of(site: Installation, job: str) -> int | None:
    """Return the HTTP status of the page of a job, but None if Redis does not answer in time."""
    status = fetch(site, job).status
    return None if status == 503 else status


@pytest.fixture
def replica(own_installation: Installation, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start the embedded Redis and a replica of it, which must confirm every job and every end."""
    site = own_installation
    site.start("redis")
    site.settings = dataclasses.replace(site.settings, confirm_replicas=1)
    site.celery = CeleryApp(site.settings)
    port, master = free_port(), site.redis.connection_pool.connection_kwargs
    config = f'port {port}\ndir {tmp_path}\nreplicaof 127.0.0.1 {master["port"]}\nmasterauth "{master["password"]}"\n'
    with subprocess.Popen([find_server(), "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        assert process.stdin
        process.stdin.write(config.encode())
        process.stdin.close()
        with Redis(port=port) as connection:
            wait_for(lambda: site.redis.wait(1, 500) and connection.ping())
        yield process
        process.kill()


def test_a_job_is_accepted_when_the_replicas_have_it(
    own_installation: Installation, replica: subprocess.Popen[bytes]
) -> None:
    """While a replica hangs, the form is shown again with its input, and its resubmission is the same job."""
    site = own_installation
    site.start("web", "worker")
    fields = {"person": "Ada", "total": "1", "token": "one form"}
    replica.send_signal(signal.SIGSTOP)
    refused = post(site, "/tools/expensive_greet", **fields)
    assert (refused.status, refused.headers["Retry-After"]) == (503, "5")
    assert "could not be stored safely" in refused.body
    assert 'value="Ada"' in refused.body
    replica.send_signal(signal.SIGCONT)
    job = wait_for(lambda: post(site, "/tools/expensive_greet", **fields).headers["Location"])
    assert wait_for(lambda: ended(site, job)) == {job: "finished"}
    assert site.redis.zcard("jobs:ended") == 1


@pytest.fixture
def order(own_installation: Installation, tmp_path: Path) -> Path:
    """Start an installation whose web and worker log what they sync and send, in this file."""
    log = tmp_path / "order"
    logged = {"LD_PRELOAD": compiled_library(tmp_path, ORDER), "ORDER": str(log), "FULL": str(tmp_path / "full")}
    own_installation.more_environ = {"web": logged, "worker": logged}
    own_installation.start("redis", "worker", "web")
    return log


def test_files_are_on_the_disk_before_the_record_names_them(own_installation: Installation, order: Path) -> None:
    """So they are, for every host with the same folder, when it can know of them."""
    protein = ">a\nMVHLTPEEKSAVTALWGKVNVDEVGGEALGRLLVVYPWTQRF\n"
    path = submit(own_installation, "phmmer", query=protein, targets=protein, evalue="10", label="marked-label")
    assert wait_for(lambda: ended(own_installation, path)) == {path: "finished"}
    jobs = own_installation.store.files.root
    job = jobs / path.removeprefix("/jobs/")
    lines = order.read_text().splitlines()
    submission, end = lines.index("the record of the submission"), lines.index("the record of the end")
    assert {str(file) for file in (jobs, job, *(job / "inputs").rglob("*"), job / "inputs")} <= set(lines[:submission])
    results = job / "attempts" / "1"
    assert list(results.glob("outputs/*"))
    assert {str(file) for file in (results.parent, results, *results.rglob("*"))} <= set(lines[submission:end])


def test_a_job_whose_files_cannot_be_written_fails(own_installation: Installation, order: Path) -> None:
    """A file server may report only when a file is synced that its disk is full."""
    order.with_name("full").touch()
    record = own_installation.ended(own_installation.submit("scribble", seconds=0.1))
    assert (record.phase, "not enough disk space" in str(record.user_message)) == ("failed", True)
