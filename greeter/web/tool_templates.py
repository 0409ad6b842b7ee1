"""The templates of a tool. A mistake in one costs only its part of a page, so that the rest can still be used."""

import traceback
from collections.abc import Mapping
from typing import NamedTuple

from flask import Flask, current_app
from jinja2 import Environment, TemplateError, TemplatesNotFound, pass_context
from jinja2.runtime import Context

from greeter.jobs.errors import UNAVAILABLE, JobNotFound
from greeter.logs import REQUEST

_NO_MISTAKES = (*UNAVAILABLE, OSError, JobNotFound)  # of the template: the whole page says what to do


def init_app(app: Flask) -> None:
    """Add `tool_part` to the templates."""
    app.jinja_env.globals["tool_part"] = tool_part


class Rendered(NamedTuple):
    """HTML of a template. It is neither escaped nor searched for unprintable characters again."""

    html: str

    def __html__(self) -> str:
        return self.html


@pass_context
def tool_part(context: Context, name: str, part: str, /, **variables: object) -> Rendered:
    """Render a template of a tool or, without one, that of all tools with this name, or nothing.

    If that of the tool fails, the error is logged, and a note precedes what would be shown without it.

    Args:
        context: The variables of the page, which the template gets too.
        name: The name of the tool.
        part: The name of the template, such as `_result.html`.
        **variables: More variables of the template.
    """
    own = f"tools/{name}/{part}"
    given = {**context.get_all(), **variables}
    try:
        return Rendered(_first(context.environment, [own, part], given))
    except Exception as error:
        if isinstance(error, _NO_MISTAKES) and not isinstance(error, TemplateError):  # some of those are an OSError
            raise
        current_app.logger.error("Reference %s: a mistake in templates/%s", REQUEST.get(), own, exc_info=error)
        given |= {"reference": REQUEST.get(), "mistake": f"templates/{own}, {_describe(error, own)}"}
        return Rendered("".join(_first(context.environment, [one], given) for one in ("_mistake.html", part)))


def _first(templates: Environment, names: list[str], given: Mapping[str, object]) -> str:
    """Render the first of these templates that exists."""
    try:
        template = templates.select_template(names)
    except TemplatesNotFound:
        return ""
    return template.render(given)


def _describe(error: Exception, template: str) -> str:
    """Return the line of the template, and the error."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename.endswith(template)]
    return f"line {lines[-1] if lines else '?'}: {type(error).__name__}: {error}"
