"""The colour of a site: the contrast that it must have, and what is said of one that has too little."""

import re

import pytest

from greeter import colours
from greeter.settings import Settings
from greeter.settings_loader import SettingsError, read_settings
from tests.conftest import ROOT

STYLE = (ROOT / "static/style.css").read_text()


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ("#ffffff", "#000000", 21),
        ("#767676", "#ffffff", 4.54),  # the lightest grey that may be text on white
        ("#777777", "#ffffff", 4.48),
        ("#0000ff", "#ffffff", 8.59),
        ("#ff0000", "#000000", 5.25),
        ("#123456", "#123456", 1),
    ],
)
def test_the_contrast_is_that_of_wcag(one: str, other: str, ratio: float) -> None:
    """Published ratios, in either order."""
    assert round(colours.contrast(one, other), 2) == round(colours.contrast(other, one), 2) == ratio


def test_the_backgrounds_are_those_of_the_style_sheet() -> None:
    """The check would be of no use with others; and the colours of the template pass it."""
    declared = {name: pair for name, *pair in re.findall(r"--([\w-]+): light-dark\((#\w+), (#\w+)\);", STYLE)}
    for name in colours.LIGHT:
        assert declared[name] == [colours.LIGHT[name], colours.DARK[name]]
    assert colours.light_and_dark(",".join(declared["accent"])) == tuple(declared["accent"])


@pytest.mark.parametrize("given", ["0b6e69,5cc9c1", "#0B6E69 #5cc9c1"])
def test_two_colours_are_read(given: str) -> None:
    """With or without the number sign, which .env takes for a comment unless it is quoted."""
    assert read_settings({"SITE_COLOUR": given}).site_colour == ("#0b6e69", "#5cc9c1")
    assert Settings().site_colour == ()


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("5cc9c1,5cc9c1", "should have a darker first colour: its contrast with #f3f6f4 is 1.8:1"),
        ("0b6e69,0b6e69", "should have a lighter second colour: its contrast with #1c2526 is 2.5:1"),
        ("0b6e69", "should be two colours"),
        ("red,blue", "should be two colours"),
        ("0b6e69,5cc9c1;}", "should be two colours"),
    ],
)
def test_a_colour_that_is_hard_to_read_is_refused(given: str, problem: str) -> None:
    """At start, with a sentence that names the ratio and what to change; and so is what is no colour."""
    with pytest.raises(SettingsError, match=f"SITE_COLOUR {problem}"):
        read_settings({"SITE_COLOUR": given})
