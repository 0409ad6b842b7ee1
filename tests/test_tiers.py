"""Files are left out of a tier only if they have no test of it."""

import pytest

from tests.tiers import TIERS, marks_of, may_select

PURE, MIXED = "import pytest\n", "@pytest.mark.slow\ndef test(): ...\n"
SLOW, REDIS = "pytestmark = [\n    pytest.mark.slow,\n]\n", "pytestmark = pytest.mark.redis\n"


@pytest.mark.parametrize(
    ("expression", "selected"),
    [
        ("not slow", [PURE, MIXED, REDIS, REDIS + MIXED]),
        ("slow", [MIXED, SLOW, REDIS + MIXED]),
        ("redis", [REDIS, REDIS + MIXED]),
        ("not redis and not slow", [PURE, MIXED]),
        ("not slow and not unmeasured", [PURE, MIXED, SLOW, REDIS, REDIS + MIXED]),  # not only of tiers
    ],
)
def test_files_that_may_have_tests_of_a_tier_are_imported(expression: str, selected: list[str]) -> None:
    """A mark that stands in a file may be that of all its tests, or only of some."""
    sources = [PURE, MIXED, SLOW, REDIS, REDIS + MIXED]
    assert [source for source in sources if may_select(expression, source)] == selected


def test_each_test_has_the_marks_that_its_file_shows(request: pytest.FixtureRequest) -> None:
    """A mark that is imported from another file, or added while tests are collected, would be overlooked."""
    shown = {path: marks_of(path.read_text()) for path in {item.path for item in request.session.items}}
    for item in request.session.items:
        for tier, allowed in zip(TIERS, shown[item.path], strict=True):
            assert bool(item.get_closest_marker(tier)) in allowed, (
                f"{item.nodeid}: write pytest.mark.{tier} in its file"
            )
