"""The colours of a site: their check, and the style sheet that sets them."""

import re

LEAST_CONTRAST = 4.5
"""The least contrast of text and its background, WCAG 2.2, success criterion 1.4.3."""

# The backgrounds on which the colour is text, and the text for which it is the background, as in static/style.css.
LIGHT = {"paper": "#fdfdfb", "card": "#f3f6f4", "on-accent": "#ffffff"}
DARK = {"paper": "#13191a", "card": "#1c2526", "on-accent": "#0c1516"}


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours such as #0b6e69, from 1 to 21, as WCAG 2.2 defines it."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    """Return the relative luminance, from 0 to 1 (WCAG 2.2)."""
    shares = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def light_and_dark(text: str) -> tuple[str, ...]:
    """Parse the colour of a site on light and on dark pages.

    Args:
        text: Two colours of six hexadecimal digits, separated by a comma or spaces; may be empty.

    Returns:
        The two colours, such as #0b6e69; or nothing.

    Raises:
        ValueError: It is something else, or too similar to the backgrounds. The message names the contrast ratio.
    """
    colours = tuple(f"#{word.removeprefix('#').lower()}" for word in text.replace(",", " ").split())
    if not colours:
        return ()
    if len(colours) != 2 or not all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in colours):
        raise ValueError("should be two colours, for light and for dark pages, such as 0b6e69,5cc9c1")
    for colour, scheme, others in zip(colours, ("first", "second"), (LIGHT, DARK), strict=True):
        worst = min(others.values(), key=lambda other: contrast(colour, other))
        ratio = int(contrast(colour, worst) * 10) / 10
        if ratio < LEAST_CONTRAST:
            change = "darker" if others is LIGHT else "lighter"
            raise ValueError(
                f"should have a {change} {scheme} colour: its contrast with {worst} is {ratio}:1, and text needs at "
                f"least {LEAST_CONTRAST}:1"
            )
    return colours


def style_sheet(colours: tuple[str, ...]) -> str:
    """Return the style sheet that sets the colour of a site, after static/style.css."""
    return f":root {{ --accent: light-dark({', '.join(colours)}); }}\n"
