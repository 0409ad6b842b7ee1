"""The operations of the API. Each is declared once: its route, and what the OpenAPI document says about it."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue

from greeter.web.api.schemas import ADDRESS, Schema, component, text
from greeter.web.services import services

bp = Blueprint("api", __name__)
_EXPOSED = "ETag, Retry-After"  # headers that the pages of other sites may read

# The variable of the route for each variable of a path.
_CONVERTERS = {"{jobID}": "<job_id>", "{processID}": "<name>", "{fileName}": "<name>"}

View = Callable[..., ResponseReturnValue]
LINK = component(
    "Link", {"rel": text("What it leads to; `archives` is job.zip."), "href": ADDRESS, "type": text("The media type.")}
)


@dataclass(frozen=True)
class Answer:
    """A response of an operation."""

    description: str  # what it means
    schema: Schema | None = None  # of its JSON body, usually a component of the document; None: there is no such body
    headers: tuple[str, ...] = ()  # the names of headers that it always has
    more_headers: tuple[str, ...] = ()  # the names of those that it may have
    media_type: str = ""  # of its body, if that is not JSON


@dataclass(frozen=True)
class Operation:
    """An operation of the API."""

    method: str
    path: str  # the path, with variables as in OpenAPI
    view: View  # the function that answers; the first line of its docstring is the summary
    answers: Mapping[int, Answer]  # the responses by status, of which those of success come first
    errors: tuple[int, ...]  # the statuses of all other responses, which are problems
    headers: tuple[str, ...]  # the names of headers that a request can have

    @property
    def summary(self) -> str:
        """What it does, in one sentence."""
        return (inspect.getdoc(self.view) or "").partition("\n")[0]

    @property
    def description(self) -> str:
        """More about it; may be empty."""
        return (inspect.getdoc(self.view) or "").partition("\n")[2].strip()


OPERATIONS: list[Operation] = []
"""All operations, in the order of the document."""


def operation(
    method: str, path: str, answers: Mapping[int, Answer], errors: tuple[int, ...] = (), headers: tuple[str, ...] = ()
) -> Callable[[View], View]:
    """Make a function answer an operation, whose attributes `Operation` describes."""

    def register(view: View) -> View:
        route = path
        for variable, converter in _CONVERTERS.items():
            route = route.replace(variable, converter)
        bp.add_url_rule(route, view.__name__, view, methods=[method])
        OPERATIONS.append(Operation(method, path, view, answers, errors, headers))
        return view

    return register


def link(rel: str, endpoint: str, media_type: str = "application/json", **values: str) -> dict[str, str]:
    """Return a link, as OGC API Processes has them, to an endpoint with the variables of its route."""
    return {"rel": rel, "href": url_for(endpoint, _external=True, **values), "type": media_type}


@bp.after_app_request  # also for addresses that the API does not have
def _allow_reading(response: Response) -> Response:
    """Let the pages of other sites that CORS_ORIGINS names read what the API answers, but change nothing."""
    origins = services().settings.cors_origins
    if not origins or not request.path.startswith("/api/") or request.method not in ("GET", "HEAD", "OPTIONS"):
        return response
    response.vary.add("Origin")
    origin = request.headers.get("Origin", "")
    if "*" in origins or origin in origins:
        response.headers["Access-Control-Allow-Origin"] = "*" if "*" in origins else origin
        response.headers["Access-Control-Expose-Headers"] = _EXPOSED
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Methods"] = "GET"
            response.headers["Access-Control-Allow-Headers"] = "If-None-Match"
    return response
