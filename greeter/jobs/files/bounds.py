"""Limits on what a tool can store in the record and the folder of its job. Pages read and list all of it."""

import json
import logging
from itertools import islice
from pathlib import Path

from greeter.jobs.failures import RESULT_TOO_LARGE, TOO_MANY_FILES
from greeter.jobs.files.trees import walk
from greeter.toolkit.errors import ToolError
from greeter.toolkit.job import Fallback, Result

log = logging.getLogger(__name__)

MAX_PROGRESS_BYTES = 10_000
MAX_FILES = 1000
LONGEST_TRACEBACK = 20_000  # characters
_MAX_DEPTH = 100  # decoders fail at a few hundred


def check_result(result: object, max_bytes: int) -> Result:
    """Return the result of a tool, in types of JSON. Raises ToolError if it is too large.

    Raises other exceptions if it is not JSON. A thread or type of the tool cannot change what is returned.
    """
    if not isinstance(result, dict):
        raise TypeError(f"the tool returned {type(result).__name__} instead of a dict")
    encoded = _encode(result)
    if (size := len(encoded)) > max_bytes:
        advice = "write what is large to a file with job.open"
        log.error("the tool returned %d bytes, and MAX_RESULT_BYTES is %d: %s", size, max_bytes, advice)
        raise ToolError(RESULT_TOO_LARGE)
    checked = (Fallback if isinstance(result, Fallback) else dict)(json.loads(encoded))
    level: list[object] = [checked]
    for _ in range(_MAX_DEPTH):
        level = [child for value in level for child in _children(value)]
        if not level:
            return checked
    raise ValueError(f"the tool returned more than {_MAX_DEPTH} lists and dicts inside each other")


def _encode(result: Result) -> str:
    try:
        return json.dumps(result, allow_nan=False)
    except (TypeError, ValueError) as error:
        wrong = next((name for name, value in result.items() if not _is_json({name: value})), "")
        advice = "Convert it to a str, int, float, bool, None, list or dict. Use None instead of NaN and infinity."
        raise TypeError(f"what the tool returned as {wrong!r} is not a JSON value: {error}. {advice}") from None


def _is_json(value: object) -> bool:
    try:
        return bool(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError):
        return False


def check_files(folder: Path) -> None:
    """Raise ToolError if a job has written more than MAX_FILES files and folders."""
    if has_too_many_files(folder):
        log.error("the tool wrote more than %d files: put them into one, such as a ZIP archive", MAX_FILES)
        raise ToolError(TOO_MANY_FILES)


def has_too_many_files(folder: Path) -> bool:
    """Return whether a folder has more than MAX_FILES files and folders, without looking at all of them."""
    return next(islice(walk(folder), MAX_FILES, None), None) is not None


def _children(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
