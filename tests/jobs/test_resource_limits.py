"""The limits of a job on the resources of its process."""

import subprocess
import sys

import psutil
import pytest

from tests.conftest import ROOT

# In a process of its own, so that its memory is that of these jobs.
_JOBS = """
import resource
from pathlib import Path
from greeter.jobs.worker.resource_limits import limited_resources
from greeter.toolkit.job import Job

def run_job() -> int:
    with limited_resources(Job(Path("/no/such/folder"), memory=2**30)):
        return resource.getrlimit(resource.RLIMIT_DATA)[0]

before = run_job()
garbage = [bytearray(1_000_000) for _ in range(100)]
garbage.append(garbage)  # so that only the garbage collector frees it
del garbage
print(run_job() - before)
"""


@pytest.mark.skipif(not psutil.LINUX, reason="only Linux has this limit")
def test_what_a_job_leaves_in_memory_does_not_count_for_the_next_one() -> None:
    """Nor can the next one use it beyond its own limit. A little may stay, because looking for it takes time."""
    run = subprocess.run([sys.executable, "-c", _JOBS], cwd=ROOT, capture_output=True, text=True, check=True)
    assert abs(int(run.stdout)) < 20_000_000
