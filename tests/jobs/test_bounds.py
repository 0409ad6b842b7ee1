"""What a tool may put into the record of its job."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from greeter.jobs.failures import RESULT_TOO_LARGE, TOO_MANY_FILES, failure_result
from greeter.jobs.files.bounds import MAX_FILES, check_files, check_result
from greeter.toolkit import ToolError
from greeter.toolkit.job import Fallback

LOOP: list[Any] = []
LOOP.append(LOOP)


def nested(levels: int) -> Any:
    """Return dicts and lists inside each other."""
    value: Any = 1
    for number in range(levels):
        value = [value] if number % 2 else {"in": value}
    return value


def test_json_values_are_accepted() -> None:
    """They are returned unchanged, and a partial result is still labelled."""
    result = {"text": "\u00e9", "number": 1.5, "none": None, "list": [1, [2, 3]], "dict": {"a": True}, "in": nested(50)}
    assert check_result(result, 10_000) == result
    assert isinstance(check_result(Fallback(result), 10_000), Fallback)


def test_what_is_stored_is_what_was_checked() -> None:
    """A thread of the tool may still add to it."""
    result: dict[str, Any] = {"hits": [1]}
    checked = check_result(result, 10_000)
    result["hits"].append(object())
    assert checked == {"hits": [1]}


@pytest.mark.parametrize(
    "value",
    [float("nan"), [float("inf")], b"bytes", {1, 2}, object(), uuid4(), {("a", 1): 2}, LOOP, nested(200), nested(5000)],
    ids=["nan", "infinity", "bytes", "set", "object", "uuid", "key", "loop", "deep", "too deep"],
)
def test_a_result_that_is_not_json_is_a_bug(value: object) -> None:
    """Such a result could not be read, or would be read as something else."""
    with pytest.raises((TypeError, ValueError, RecursionError)):
        check_result({"value": value}, 10_000)


@pytest.mark.parametrize("value", [float("nan"), [Path("hits.tsv")]], ids=["nan", "path"])
def test_the_error_names_the_value_that_is_not_json(value: object) -> None:
    """With what to do about it: most such values are those of NumPy, or paths."""
    with pytest.raises(
        TypeError, match=r"what the tool returned as 'hits' is not a JSON value: .*\. Convert it to a str"
    ):
        check_result({"number": 1, "hits": value}, 10_000)


def test_a_result_that_is_too_large_has_a_user_message_and_a_log_line(caplog: pytest.LogCaptureFixture) -> None:
    """The user learns what to do, and the author of the tool that job.open is for large results."""
    with pytest.raises(ToolError) as raised:
        check_result({"value": "x" * 10_000}, 10_000)
    assert str(raised.value) == RESULT_TOO_LARGE
    assert "job.open" in caplog.text
    assert "xxx" not in caplog.text


@pytest.mark.parametrize("depth", [0, 2])
def test_too_many_files_have_a_user_message_and_a_log_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, depth: int
) -> None:
    """However deep they are."""
    folder = tmp_path.joinpath(*"abc"[:depth])
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(MAX_FILES - depth):
        (folder / str(number)).touch()
    check_files(tmp_path)
    (folder / "one more").touch()
    with pytest.raises(ToolError) as raised:
        check_files(tmp_path)
    assert str(raised.value) == TOO_MANY_FILES
    assert "ZIP" in caplog.text


class BrokenError(Exception):
    """An exception whose message cannot be read."""

    def __str__(self) -> str:
        """Fail."""
        raise ZeroDivisionError


@pytest.mark.parametrize("error", [ToolError("\u00e9" * 10**7), ValueError(["x" * 10**7]), BrokenError(object())])
def test_an_error_of_any_size_and_kind_is_stored_shortened(error: Exception) -> None:
    """Neither the record nor the page needs the whole message."""
    assert len(json.dumps(failure_result(error), allow_nan=False)) < 20_000
