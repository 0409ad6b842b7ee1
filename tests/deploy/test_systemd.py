"""The units in deploy/systemd: systemd's own verification, and a restart of the web service that loses no request."""

import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PATIENCE, PROCFILE, ROOT, Installation, needs, wait_for

UNITS = ROOT / "deploy" / "systemd"
SERVICES = ["greeter-redis.service", "greeter-worker@1.service", "greeter-web.service", "greeter-flower.service"]

with_systemd = needs("systemd-analyze", "systemd")


def command_of(unit: str) -> list[str]:
    """Return the command that a unit starts, without the folder of the program."""
    (command,) = re.findall("ExecStart=/opt/greeter/.venv/bin/(.*)", (UNITS / unit).read_text())
    return command.split()


def analyze(folder: Path, *arguments: str) -> str:
    """Run systemd-analyze on copies of the units that use this machine's programs and an existing user."""
    shutil.copytree(UNITS, folder, dirs_exist_ok=True)
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        text = path.read_text().replace("/opt/greeter/.venv/bin", str(Path(sys.executable).parent))
        path.write_text(re.sub("(User|Group)=greeter", r"\1=daemon", text))
    environ = os.environ | {"SYSTEMD_UNIT_PATH": f"{folder}:"}
    ran = subprocess.run(["systemd-analyze", *arguments], env=environ, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout + ran.stderr


@with_systemd
def test_units_pass_systemd_verification(tmp_path: Path) -> None:
    """`systemd-analyze verify` has no complaint: every directive is known and every program exists."""
    units = [str(tmp_path / unit) for unit in (*SERVICES, "greeter-web.socket", "greeter.target")]
    assert analyze(tmp_path, "verify", *units) == ""


@with_systemd
@pytest.mark.parametrize("service", SERVICES)
def test_each_service_is_sandboxed(tmp_path: Path, service: str) -> None:
    """`systemd-analyze security` rates the exposure of the service below 1.5 on its scale from 0 to 10."""
    options = ["--offline=true", "--threshold=15", "--no-pager"]
    assert "OK" in analyze(tmp_path, "security", *options, str(tmp_path / service))


def test_units_run_the_commands_of_the_procfile() -> None:
    """Units and Procfile have the same commands, so the other tests start what runs in production."""
    started = {" ".join(command_of(unit.replace("@1", "@"))).partition(" --hostname")[0] for unit in SERVICES}
    assert started == {line.removeprefix("exec ").strip() for line in PROCFILE.values()}


# What systemd does before it starts a socket-activated service.
HAND_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ |= {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
os.execvp(sys.argv[2], sys.argv[2:])
"""


def start_web(site: Installation, listening: socket.socket) -> subprocess.Popen[bytes]:
    """Start the web service as greeter-web.socket does: with a socket that outlives it."""
    command = [sys.executable, "-c", HAND_OVER, str(listening.fileno()), *command_of("greeter-web.service")]
    environ = os.environ | site.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    with site.log.open("ab") as log:
        return subprocess.Popen(command, cwd=ROOT, env=environ, pass_fds=[listening.fileno()], stdout=log, stderr=log)


def has_more_than(items: list[Any], number: int) -> bool:
    """Return whether a list has more items than this."""
    return len(items) > number


@pytest.mark.slow
def test_web_restart_drops_no_request(own_installation: Installation) -> None:
    """All requests of four constant visitors succeed during two restarts (tests/test_recovery.py restarts workers)."""
    site, stop = own_installation, threading.Event()
    answers: list[int | OSError] = []
    site.start("redis")
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listening:

        def visit() -> None:
            while not stop.is_set():
                connection = HTTPConnection("127.0.0.1", listening.getsockname()[1], timeout=PATIENCE)
                try:
                    connection.request("GET", "/tools/phmmer?example")
                    answers.append(connection.getresponse().status)
                except OSError as error:
                    answers.append(error)
                connection.close()

        visitors = [threading.Thread(target=visit, daemon=True) for _ in range(4)]
        for visitor in visitors:
            visitor.start()
        for starts in range(3):
            web = start_web(site, listening)
            wait_for(partial(has_more_than, answers, len(answers) + 100))
            if starts == 2:
                stop.set()
                for visitor in visitors:
                    visitor.join()
            web.terminate()
            assert web.wait(PATIENCE) == 0
    assert set(answers) == {200}


def test_the_kernel_kills_a_job_and_not_its_worker() -> None:
    """A worker has a memory limit and outlives the kill of one of its processes."""
    lines = (UNITS / "greeter-worker@.service").read_text().splitlines()
    assert {"MemoryMax=80%", "OOMPolicy=continue"} <= set(lines)


def test_the_documented_drain_names_the_workers_of_the_units() -> None:
    """`flask drain worker-1@$(hostname)` is for greeter-worker@1 (tests/test_drain.py runs it)."""
    named = re.findall(r"flask drain (\S+) && systemctl disable --now (\S+)", (ROOT / "deploy/README.md").read_text())
    (pattern,) = re.findall(r"--hostname (\S+)", (UNITS / "greeter-worker@.service").read_text())
    assert len(named) == 2
    for worker, unit in named:
        number = unit.strip("`").partition("@")[2]
        assert worker == pattern.replace("%i", number).replace("%%h", "$(hostname)")
