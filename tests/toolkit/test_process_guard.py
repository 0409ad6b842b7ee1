"""The functions that kill the descendants of a process."""

import subprocess
import sys
import time
from itertools import count
from pathlib import Path

import psutil
import pytest

from greeter.toolkit import process_guard
from tests.conftest import PATIENCE, ROOT, wait_for

# A chain of processes that fork and exit at once, so that each is gone before it can be found and killed. It ends by
# itself, so that it cannot burden the machine forever if this fails.
COMET = """
import os, time
end = time.time() + 90
while time.time() < end:
    if os.fork(): os._exit(0)
    os.setsid()
"""
START = """
import os, subprocess, sys, time
from greeter.toolkit.process_guard import adopt_orphans, terminate_descendants
from greeter.toolkit.process_trees import terminate_orphans
adopt_orphans()
start = lambda code: subprocess.Popen([sys.executable, "-c", code])
"""


def run(code: str) -> str:
    """Run code in a process of its own, whose descendants may be killed, and return its output."""
    command = [sys.executable, "-c", START + code]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=PATIENCE).stdout


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process adopt its orphans")
def test_a_chain_of_forking_processes_is_killed() -> None:
    """Each process lives for less than a millisecond, and has its own session."""
    code = f"start({COMET!r}); time.sleep(0.3); terminate_descendants()\n"
    assert run(code + "try: os.wait()\nexcept ChildProcessError: print('none')") == "none\n"


def test_a_spared_child_survives() -> None:
    """The worker spares its pool processes."""
    code = "a, b = start('input()'), start('input()'); terminate_orphans({a.pid}); print(a.poll(), b.poll() is None)"
    assert run(code.replace("input()", "import time; time.sleep(60)") + "; a.kill()") == "None False\n"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists the children of a process")
def test_looking_for_orphans_does_not_read_all_processes() -> None:
    """A worker looks every two seconds. It sees the children of all its threads."""
    code = """
import threading, psutil
spared, found = start("input()"), []
thread = threading.Thread(target=lambda: (found.append(start("import time; time.sleep(60)")), done.wait()))
done = threading.Event()
thread.start()
while not found: time.sleep(0.01)
children, psutil.Process.children = psutil.Process.children, None
terminate_orphans({spared.pid, found[0].pid})
psutil.Process.children = children
terminate_orphans({spared.pid})
print(found[0].poll() is None)
done.set(); spared.kill()
"""
    assert run(code) == "False\n"


def test_processes_have_time_to_end_after_the_machine_was_suspended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock of the system goes on meanwhile."""
    code = 'trap "sleep 0.1; exit 7" TERM; echo; while :; do sleep 0.01; done'
    with subprocess.Popen(["sh", "-c", code], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        monkeypatch.setattr(process_guard, "_GRACE", PATIENCE)
        monkeypatch.setattr(time, "monotonic", count(0, 1000).__next__)
        process_guard.terminate([psutil.Process(process.pid)])
        monkeypatch.undo()
        assert process.wait(0) == 7


PATIENT = 'trap "echo asked >asked; exit" TERM; echo started >started; sleep 60 & wait'


def test_a_program_is_asked_to_end_before_it_is_killed(tmp_path: Path) -> None:
    """It gets TERM, and a moment to end what it started elsewhere, although the process of its job was killed."""
    code = (
        f"from greeter.toolkit.job import Job, Path; Job(Path({str(tmp_path)!r})).run(['sh', '-c', {PATIENT!r}], 'o')"
    )
    job = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    wait_for((tmp_path / "outputs" / "started").exists)
    job.kill()
    job.wait()
    wait_for((tmp_path / "outputs" / "asked").exists)
