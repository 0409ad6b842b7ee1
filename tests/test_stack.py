"""Tests of the whole stack as a new user runs it: the Procfile, started with honcho."""

import os
import signal
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psutil
import pytest
from redis import RedisError

from tests.conftest import PATIENCE, ROOT, Installation, wait_for

pytestmark = pytest.mark.slow
EXAMPLES = ROOT / "static" / "examples"


@contextmanager
def honcho(own_installation: Installation, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run honcho with the project's unchanged Procfile and an .env of its own."""
    env = tmp_path / ".env"
    env.write_text("".join(f"{name}={value}\n" for name, value in own_installation.environ.items()))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = [sys.executable, "-m", "honcho", "--env", str(env), "start"]
    with own_installation.log.open("ab") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PATH": path}, stdout=log, stderr=log)
    try:
        yield process
    finally:
        left = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        process.kill()
        process.wait()
        for one in left:  # each runs in its own session, so killing honcho does not end it
            with suppress(psutil.NoSuchProcess):
                one.kill()


def answer(port: int, path: str, body: dict[str, str] | None = None, **headers: str) -> tuple[int, str, str]:
    """Send a request, and return the status (0 while the port is closed), the Location header and the body."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    try:
        connection.request("POST" if body else "GET", path, urlencode(body) if body else None, form | headers)
        response = connection.getresponse()
        return response.status, response.headers.get("Location", ""), response.read().decode()
    except ConnectionError:
        return 0, "", ""
    finally:
        connection.close()


def test_flower_requires_a_password_and_is_read_only(own_installation: Installation) -> None:
    """Without the password, tasks, workers and broker are hidden; with it, they can be viewed but not changed."""
    own_installation.start("redis", "flower")
    flower = own_installation.settings.flower_port
    for path in ("/", "/tasks", "/workers", "/broker", "/api/tasks", "/task/x"):
        assert answer(flower, path)[0] == 401
    credentials = b64encode(own_installation.settings.flower_basic_auth.encode()).decode()
    login: dict[str, Any] = {"Authorization": f"Basic {credentials}"}
    assert answer(flower, "/tasks", **login)[0] == 200
    assert answer(flower, "/api/task/revoke/x", {"terminate": "true"}, **login)[0] == 403
    listening = [one.laddr.ip for one in psutil.Process(own_installation.pid("flower")).net_connections("tcp4")]
    assert set(listening) == {"127.0.0.1"}
    for path in ("/metrics", "/healthcheck"):  # open in Flower; tests/deploy checks that the proxy blocks them
        assert answer(flower, path)[0] == 200


def worker_of(installation: Installation, job: str) -> bytes | str | None:
    """The worker that runs a job; None while Redis is unavailable or no worker has the job."""
    with suppress(RedisError):
        return installation.redis.hget(job.replace("/jobs/", "job:"), "worker")
    return None


def submit(web: int, tool: str, fields: dict[str, str]) -> str:
    """Submit a form and return the path of the job; empty if it was refused."""
    return answer(web, f"/tools/{tool}", fields)[1]


def finished_page(web: int, job: str) -> str:
    """Return the page of a job; empty unless the job is finished."""
    page = answer(web, job)[2]
    return page if "Finished" in page else ""


def stop(process: subprocess.Popen[bytes]) -> None:
    """Press Ctrl-C and check that no process is left."""
    processes = psutil.Process(process.pid).children(recursive=True)
    assert len(processes) >= 8  # Redis, Flower, gunicorn and its 2 workers, Celery and its 2
    process.send_signal(signal.SIGINT)
    process.wait(60)
    assert not [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.silence  # Redis may stop before the worker has returned the job, which is then lost
def test_honcho_starts_everything_and_leaves_no_process_behind(own_installation: Installation, tmp_path: Path) -> None:
    """Both tools run from form to result, Flower shows the tasks, and Ctrl-C ends everything, even during a job."""
    web, flower = own_installation.settings.web_port, own_installation.settings.flower_port
    with honcho(own_installation, tmp_path) as process:
        wait_for(lambda: answer(web, "/")[0] == 200)
        greeting = {"person": "Ada", "total": "1"}
        search = {"query": (EXAMPLES / "HBB_HUMAN.fa").read_text(), "targets": (EXAMPLES / "globins45.fa").read_text()}
        for tool, body, text in (
            ("expensive_greet", greeting, "Greetings, Ada!"),
            ("phmmer", search | {"evalue": "10"}, "45 hits for 1 query"),
        ):
            job = wait_for(partial(submit, web, tool, body))
            page = wait_for(partial(finished_page, web, job))
            assert text in page

        login: dict[str, Any] = {
            "Authorization": "Basic " + b64encode(own_installation.settings.flower_basic_auth.encode()).decode()
        }
        task = wait_for(lambda: "SUCCESS" in (page := answer(flower, job.replace("jobs", "task"), **login)[2]) and page)
        assert "phmmer" in task
        assert "VHLTPEEKS" not in task
        assert "HBB_CALAR" not in task

        kept = [path for folder in ("jobs", "redis", "metrics") for path in (tmp_path / folder).rglob("*")]
        assert len(kept) > 10
        assert not [path for path in kept if path.stat().st_mode & 0o077], "readable by others on this machine"

        running = wait_for(partial(submit, web, "expensive_greet", {"person": "Grace", "total": "1000"}))
        wait_for(lambda: "of 1,000 steps" in answer(web, running)[2])
        worker = worker_of(own_installation, running)
        stop(process)
    assert "VHLTPEEKS" not in own_installation.log.read_text()

    with honcho(own_installation, tmp_path) as process:  # the job continues after the next start
        wait_for(lambda: worker_of(own_installation, running) not in (None, worker))
        assert own_installation.store.find(running.removeprefix("/jobs/")).attempts == 1
        wait_for(lambda: "of 1,000 steps" in answer(web, running)[2])
        wait_for(lambda: answer(web, running + "/cancel", {"by": "button"})[0] == 303)
        assert "Greetings, fallback!" in wait_for(
            lambda: ">Cancelled</h2>" in (page := answer(web, running)[2]) and page
        )
        stop(process)
