"""The functions that kill the descendants of a process."""

import subprocess
import sys
from pathlib import Path

import pytest

from greeter.toolkit import process_guard

# A chain of processes that fork and exit at once, so that each is gone before it can be found and killed.
COMET = "import os\nwhile True:\n    if os.fork(): os._exit(0)\n    os.setsid()"
START = """
import os, subprocess, sys, time
from process_guard import adopt_orphans, kill_descendants, kill_orphans
adopt_orphans()
start = lambda code: subprocess.Popen([sys.executable, "-c", code])
"""


def run(code: str) -> str:
    """Run code in a process of its own, whose descendants may be killed, and return its output."""
    command, folder = [sys.executable, "-c", START + code], Path(process_guard.__file__).parent
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=30).stdout


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process adopt its orphans")
def test_a_chain_of_forking_processes_is_killed() -> None:
    """Each process lives for less than a millisecond, and has its own session."""
    code = f"start({COMET!r}); time.sleep(0.3); kill_descendants()\n"
    assert run(code + "try: os.wait()\nexcept ChildProcessError: print('none')") == "none\n"


def test_a_spared_child_survives() -> None:
    """The worker spares its pool processes."""
    code = "a, b = start('input()'), start('input()'); kill_orphans({a.pid}); print(a.poll(), b.poll() is None)"
    assert run(code.replace("input()", "import time; time.sleep(20)") + "; a.kill()") == "None False\n"
