"""How values of JSON become the texts of a form."""

import tracemalloc

import pytest
from flask import Flask

from greeter.web.api.json_values import parse, texts_of
from greeter.web.api.problem import Problem


@pytest.mark.parametrize(
    ("kind", "written", "text"),
    [
        ("number", "0.12345678901234567890", "0.12345678901234567890"),
        ("number", "1e-300", "1e-300"),
        ("number", "1e400", "1e400"),
        ("number", "10", "10"),
        ("integer", "1" * 400, "1" * 400),
        ("integer", "1.0", "1"),
        ("integer", "1e3", "1000"),
    ],
)
def test_a_number_keeps_its_digits(kind: str, written: str, text: str) -> None:
    """As in a form, where it is a text: a DecimalField is exact."""
    (value,) = parse(f"[{written}]".encode())  # type: ignore[misc]  # JSON need not be a list
    assert texts_of({"type": kind}, value) == [text]


@pytest.mark.parametrize("value", [b"1", b'"a"', b'{"a": "b"}', b"[[]]"])
def test_the_number_of_values_is_limited(app: Flask, value: bytes) -> None:
    """Thousands are read, and tens of thousands are not."""
    assert isinstance(parse(b"[" + b",".join([value] * 5_000) + b"]"), list)
    with (
        app.test_request_context(),
        pytest.raises(Problem, match="There are more than 10,000 values"),
    ):
        parse(b"[" + b",".join([value] * 30_001) + b"]")


@pytest.mark.parametrize("body", [b'"' * 1_000_000, b"," * 1_000_000, b'"a":' * 250_000])
def test_what_is_no_json_takes_little_memory(app: Flask, body: bytes) -> None:
    """It is refused before there is an object for each of its tokens."""
    tracemalloc.start()
    with app.test_request_context(), pytest.raises(Problem):
        parse(body)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000
