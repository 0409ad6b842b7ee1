"""The processes of a site do not keep what they no longer need."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT, free_port

# What Flower does with the events of a job, with the configuration that it loads.
_FLOWER = """
import gc
from celery.events.state import Task
from flower import command
from flower.events import EventsState
from tornado.options import options, parse_config_file

parse_config_file("flowerconfig.py", final=False)
state, most = EventsState(max_tasks_in_memory=options.max_tasks), 0
for number in range(4 * options.max_tasks):
    for kind in ("received", "started", "succeeded"):
        event = {"type": f"task-{kind}", "uuid": str(number), "hostname": "celery@test", "name": "empty"}
        state.event(event | {"clock": number, "timestamp": number, "local_received": number})
    if number % 50 == 49:
        most = max(most, sum(isinstance(one, Task) for one in gc.get_objects()))
print(most / options.max_tasks)
"""


def run(code: str) -> float:
    """Run Python code in a process of its own, and return the number that it prints."""
    environ = os.environ | {"FLOWER_PORT": str(free_port())}
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environ, capture_output=True, text=True, check=True
    )
    return float(ended.stdout)


@pytest.mark.slow
def test_flower_frees_the_tasks_that_it_no_longer_keeps() -> None:
    """They refer to themselves. Python would collect them only after 2,000 others."""
    assert 1 <= run(_FLOWER) < 2
