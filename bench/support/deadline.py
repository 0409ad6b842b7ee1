"""Deadlines of benchmarks, so that all of them end whatever becomes of one."""

from __future__ import annotations

import signal
import sys
import traceback
from typing import Any, NoReturn

import pytest

from bench.support.table import Line


class TimeIsUp(BaseException):
    """A benchmark has reached its deadline. It is no Exception, because libraries such as Celery catch all of those."""


def lines(part: Any, seconds: int) -> list[Line]:
    """Measure a part.

    Args:
        part: A module with a function `lines`.
        seconds: The time after which it is ended. What it has started is stopped then, which may take some seconds.

    Returns:
        Its lines, or one that says why there are none.
    """
    signal.signal(signal.SIGALRM, _end)
    signal.alarm(seconds)
    try:
        found: list[Line] = part.lines()
        return found
    except TimeIsUp:
        problem = f"ended after {seconds} s"
    except (Exception, SystemExit, pytest.fail.Exception) as error:
        traceback.print_exc()
        problem = f"failed: {error}"
    finally:
        signal.alarm(0)
    print(f"{part.__name__} {problem}", file=sys.stderr)
    return [Line(part.__name__, problem)]


def _end(number: int, frame: object) -> NoReturn:
    raise TimeIsUp
