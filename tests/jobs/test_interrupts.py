"""The signals of a process that runs jobs."""

import signal
import subprocess
import sys

import pytest

SCRIPT = """
import os, signal, sys
from greeter.jobs.worker.interrupts import interruptible

number = int(sys.argv[1])
with interruptible(60, lambda: False):
    signal.signal(number, signal.SIG_IGN)
os.kill(os.getpid(), number)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_tool_cannot_keep_its_process_from_ending_later(number: int) -> None:
    """It may ignore a signal, or handle it, only while it runs. Celery ends idle processes with SIGTERM."""
    ended = subprocess.run([sys.executable, "-c", SCRIPT, str(int(number))], check=False)
    assert ended.returncode == -number
