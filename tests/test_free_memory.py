"""The processes of a site do not keep what they no longer need."""

import os
import subprocess
import sys

import psutil
import pytest

from tests.conftest import ROOT, free_port

# In a process of its own. The blocks are from the allocator of the C library, and some of them stay.
_FREE = """
from pathlib import Path
import psutil

def private() -> int:
    return psutil.Process().memory_full_info().uss

def leave_free_memory() -> int:
    global kept
    blocks = [bytes(1000) for _ in range(8000)]
    kept, before = blocks[::100], private()
    blocks.clear()
    return before
"""

_JOBS = """
from greeter import free_memory
from greeter.jobs.worker.resource_limits import limited_resources
from greeter.toolkit.job import Job

def run_job() -> None:
    with limited_resources(Job(Path("/no/such/folder"), memory=2**30)):
        pass

run_job()
before = leave_free_memory()
free_memory._next = 0  # as a minute later
run_job()
print(before - private())
"""

_WEB = """
from gunicorn.config import Config
from greeter.web.server.gunicorn_worker import Worker

worker = Worker(1, 1, [], None, 30, Config(), None)
before = leave_free_memory()
worker.notify()
print(before - private())
"""

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


@pytest.mark.skipif(not psutil.LINUX, reason="only glibc returns free memory between other memory")
@pytest.mark.parametrize("code", [_JOBS, _WEB], ids=["jobs", "web"])
def test_memory_that_is_free_again_is_returned(code: str) -> None:
    """Or a process would grow with what jobs or requests leave between what it keeps."""
    assert run(_FREE + code) > 4_000_000


@pytest.mark.slow
def test_flower_frees_the_tasks_that_it_no_longer_keeps() -> None:
    """They refer to themselves. Python would collect them only after 2,000 others."""
    assert 1 <= run(_FLOWER) < 2
