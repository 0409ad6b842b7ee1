"""Tools that use a library with threads of its own."""

import ctypes

from wtforms import Form

from greeter.toolkit import Job, Result, tool


class NoForm(Form):
    """A form without fields."""


@tool("Uses five threads", form=NoForm, cores=5)
def five_threads(job: Job) -> Result:
    """Tell how many threads a library uses."""
    return {"cores": job.cores, "threads": ctypes.CDLL("libgomp.so.1").omp_get_max_threads()}


@tool("Uses one thread", form=NoForm)
def one_thread(job: Job) -> Result:
    """Tell how many threads a library uses."""
    return {"cores": job.cores, "threads": ctypes.CDLL("libgomp.so.1").omp_get_max_threads()}
