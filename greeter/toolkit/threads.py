"""How many threads the numerical libraries of a job use, such as the BLAS of NumPy, or OpenMP."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def thread_variables(cores: int) -> dict[str, str]:
    """Return the environment variables that limit the threads of libraries, which read them when they are loaded."""
    return dict.fromkeys(_VARIABLES, str(cores))


@contextmanager
def limited_threads(cores: int) -> Iterator[None]:
    """Let each library in this process use `cores` threads while the body runs, and one afterwards.

    The limit of loaded libraries is changed directly. Libraries that the body loads read it from the environment.
    """
    os.environ.update(thread_variables(cores))
    threadpool_limits(cores)  # looks through all loaded libraries, which takes about a millisecond
    try:
        yield
    finally:
        os.environ.update(thread_variables(1))
        threadpool_limits(1)
