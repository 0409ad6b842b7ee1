"""The pages that the operator writes in Markdown, in the folder `pages` of SITE_DIR."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt
from markupsafe import Markup

# Raw HTML stays text: what Markdown cannot express belongs in a template.
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")
# What may be wider than a phone can be scrolled with the keyboard, as in our own pages.
_SCROLLED = 'tabindex="0" role="group" aria-label='
_PARTS_OF_PAGES = ("index", "help", "notice")
_IN_FOOTER = ("imprint", "privacy")


class SitePage(NamedTuple):
    """A page in Markdown."""

    name: str  # its name in URLs
    heading: str  # the heading with which it begins, as text; may be empty
    html: Markup  # the rest of it

    @property
    def title(self) -> str:
        """The heading, or the name if there is none."""
        return self.heading or self.name.replace("-", " ").capitalize()


class SitePages:
    """The pages in a folder, which need not exist, and may change at any time."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def find(self, name: str) -> SitePage | None:
        """Return the page in the file `<name>.md`, or None if there is none."""
        if not self._folder or not name.isprintable() or "/" in name or name.startswith("."):
            return None
        path = self._folder / f"{name}.md"
        try:
            return _rendered(path, path.stat().st_mtime_ns)
        except OSError:
            return None

    def menu(self) -> Iterator[SitePage]:
        """Yield the pages for the navigation, by name."""
        names = sorted(path.stem for path in self._folder.glob("*.md")) if self._folder else []
        for name in names:
            if name not in (*_PARTS_OF_PAGES, *_IN_FOOTER) and (page := self.find(name)):
                yield page


@lru_cache(maxsize=100)
def _rendered(path: Path, mtime: int) -> SitePage:
    """Render a page; again if the time of its last change, in nanoseconds, is another one."""
    tokens = _MARKDOWN.parse(path.read_text("utf-8", errors="replace"))
    heading = ""
    if tokens and tokens[0].tag == "h1":
        heading, tokens = "".join(part.content for part in tokens[1].children or []), tokens[3:]
    html = _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})
    html = html.replace("<pre>", f'<pre {_SCROLLED}"Text">')
    html = html.replace("<table>", f'<div class="wide" {_SCROLLED}"Table"><table>')
    html = html.replace("</table>", "</table></div>")
    return SitePage(path.stem, heading, Markup(html))  # nosec B704  Markdown escapes HTML
