"""Which files have tests of a tier, found without importing them."""

import re
from itertools import product

TIERS = ("redis", "slow")  # the marks; a test without them is pure


def marks_of(source: str) -> list[set[bool]]:
    """Return, for each tier, whether the tests of a file may have its mark: {True}, {False} or {True, False}."""
    some = set(re.findall(r"\bmark\.(\w+)", source))
    whole = set(re.findall(r"^pytestmark = \[?\s*pytest\.mark\.(\w+)", source, re.MULTILINE))
    return [{tier in whole, tier in some} for tier in TIERS]


def may_select(expression: str, source: str) -> bool:
    """Return whether an expression for `-m` may select tests of a file; true for one that names other marks too."""
    if not set(re.findall(r"\w+", expression)) <= {*TIERS, "and", "or", "not"}:
        return True
    return any(eval(expression, dict(zip(TIERS, marks, strict=True))) for marks in product(*marks_of(source)))
