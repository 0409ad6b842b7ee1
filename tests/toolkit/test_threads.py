"""Tests of the limit on the threads of libraries, with the OpenMP library of GCC."""

import ctypes
import json
import os
import subprocess
import sys

import pytest

from greeter.toolkit.threads import limited_threads
from tests.conftest import ROOT, Installation, skip
from tests.http import fetch, submit, wait_for_end


def libgomp() -> ctypes.CDLL:
    """Return the library."""
    try:
        return ctypes.CDLL("libgomp.so.1")
    except OSError:
        skip("no libgomp: install Debian's package libgomp1")


def test_a_library_that_is_loaded_has_the_limit_of_each_job() -> None:
    """It reads the environment only once, so that alone would give it the limit of the first job."""
    library = libgomp()
    before = library.omp_get_max_threads()
    for cores in (before + 1, before + 2):
        with limited_threads(cores):
            assert library.omp_get_max_threads() == cores
            assert os.environ["OPENBLAS_NUM_THREADS"] == str(cores)
    assert library.omp_get_max_threads() == 1


def test_a_library_that_the_job_loads_has_its_limit() -> None:
    """It reads the environment."""
    libgomp()
    source = (
        "import ctypes; from greeter.toolkit.threads import limited_threads\n"
        "with limited_threads(7): print(ctypes.CDLL('libgomp.so.1').omp_get_max_threads())"
    )
    environ = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    command = [sys.executable, "-c", source]
    output = subprocess.run(command, cwd=ROOT, env=environ, check=True, capture_output=True, text=True).stdout
    assert output == "7\n"


@pytest.mark.slow
def test_a_job_has_the_limit_of_its_tool(installation: Installation) -> None:
    """A worker sets it for the library, whether it or an earlier job has loaded it."""
    libgomp()
    for tool in ("five_threads", "one_thread"):
        job = submit(installation, tool)
        wait_for_end(installation, job)
        result = json.loads(fetch(installation, job + ".json").body)["result"]
        assert result["threads"] == result["cores"]
        assert tool != "one_thread" or result["cores"] == 1
