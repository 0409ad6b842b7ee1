"""How values of JSON become the texts of a form."""

import pytest

from greeter.web.api.json_values import parse, texts_of


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
