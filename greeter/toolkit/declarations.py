"""Checks of what a tool declares, so that a slip is told in one line when the tool is loaded."""

from __future__ import annotations


def require_list(what: str, value: object) -> None:
    """Refuse a text where a list is needed: its letters would be taken for the elements.

    Args:
        what: What the list is, in the plural.
        value: The value.

    Raises:
        TypeError: It is a text.
    """
    if isinstance(value, str):
        raise TypeError(f"The {what} cannot be the text {value!r}. Write a list: {value.split()}.")


def require_positive(what: str, value: int | None) -> None:
    """Refuse a number that is not positive.

    Args:
        what: What the number is.
        value: The number; None is accepted.

    Raises:
        ValueError: It is less than 1.
    """
    if value is not None and value < 1:
        raise ValueError(f"The {what} cannot be {value}. Write 1 or more.")
