"""The templates, static files, pages and colour of the operator, which replace those of the template."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from flask import Blueprint, Flask, Response, abort, current_app, render_template, request
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader, TemplateSyntaxError
from werkzeug.security import safe_join

from greeter.colours import style_sheet
from greeter.settings import Settings
from greeter.web.services import services
from greeter.web.site_pages import SitePages

_SUMMARY = "Web tools for long computations with biological sequences, each job with a page of its own."
_ACCESS = "This website is free and open to all users and there is no login requirement."
_STYLE_SHEET = "site.css"

bp = Blueprint("site", __name__)


@dataclass(frozen=True)
class OwnSite:
    """What templates get of the site, in the variable `site`."""

    summary: str  # what the site is, in one sentence
    access: str  # who may use the site; may be empty
    pages: SitePages  # the pages in Markdown
    folder: Path | None  # the folder of the operator, or None

    @property
    def style_sheet(self) -> str:
        """The name of the operator's style sheet among the static files; empty if there is none."""
        return _STYLE_SHEET if self.static_folder(_STYLE_SHEET) else ""

    def static_folder(self, name: str) -> Path | None:
        """Return the operator's folder of static files if it has a file, otherwise None."""
        static = self.folder / "static" if self.folder else None
        found = static and safe_join(str(static), name)
        return static if found and os.path.isfile(found) else None  # noqa: PTH113  may contain a null byte


class _Templates(FileSystemLoader):
    """Templates in several folders, the first of which comes first, even if a template is added there later."""

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        """Return the text of a template, its path, and whether that is still right."""
        source, path, is_unchanged = super().get_source(environment, template)

        def is_current() -> bool:
            paths = (safe_join(folder, template) for folder in self.searchpath)
            return is_unchanged() and path == next((one for one in paths if one and Path(one).is_file()), None)

        return source, path, is_current


def init_app(app: Flask) -> None:
    """Let the operator's templates come first, and add the pages and the style sheet of the site."""
    settings: Settings = app.extensions["greeter"].settings
    folder = settings.site_dir
    access = "" if settings.site_access == "no" else settings.site_access or _ACCESS
    own = OwnSite(settings.site_summary or _SUMMARY, access, SitePages(folder / "pages" if folder else None), folder)
    app.extensions["site"] = own
    app.context_processor(lambda: {"site": own})
    originals = str(Path(app.root_path, str(app.template_folder)).resolve())
    folders = [str(folder / "templates"), originals] if folder else [originals]
    app.jinja_loader = ChoiceLoader([_Templates(folders), PrefixLoader({"original": FileSystemLoader(originals)})])
    app.register_blueprint(bp)


@bp.get("/pages/<name>")
def page(name: str) -> str:
    """Show a page that the operator has written in Markdown."""
    return render_template("page.html", page=own_site().pages.find(name) or abort(404))


@bp.get("/colours.css")
def colours() -> Response:
    """Send the style sheet that sets the colour of the site."""
    response = Response(style_sheet(services().settings.site_colour or abort(404)), mimetype="text/css")
    response.cache_control.no_cache = True
    response.add_etag()
    response.make_conditional(request)
    return response


def template_problems() -> Iterator[str]:
    """Yield the path of each of the operator's templates that cannot be used, the line, and what is wrong."""
    templates = current_app.jinja_env
    folder = own_site().folder
    own = FileSystemLoader(folder / "templates").list_templates() if folder else []
    for name in own:
        try:
            templates.get_template(name)
        except TemplateSyntaxError as error:
            yield f"{error.filename}, line {error.lineno}: {error.message}"


def own_site() -> OwnSite:
    """Return what makes the current application's site its own."""
    found: OwnSite = current_app.extensions["site"]
    return found
