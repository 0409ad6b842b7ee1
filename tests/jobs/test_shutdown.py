"""What becomes of the jobs of a worker that is asked to stop."""

import subprocess
import sys

from tests.conftest import PATIENCE, ROOT

SIGNALLED = """
import os, signal, sys
from greeter.jobs.worker.shutdown import Shutdown

def interrupt(*_):
    global left
    if left:
        left -= 1
        os.kill(os.getpid(), signal.SIGTERM)
    return interrupt

shutdown, left = Shutdown(None, print), 100
signal.signal(signal.SIGTERM, lambda *_: shutdown.start())
sys.settrace(interrupt)  # before each line
shutdown.start()
sys.settrace(None)
print("goes on", left < 100)
"""


def test_signals_may_interrupt_each_other() -> None:
    """A supervisor and an operator may ask a worker to stop at the same moment."""
    command = [sys.executable, "-c", SIGNALLED]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=PATIENCE, check=False)
    assert ended.stdout == "goes on True\n", ended.stderr
