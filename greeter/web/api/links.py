"""Links between the resources of the API."""

from flask import url_for

from greeter.web.api.schemas import ADDRESS, component, text

LINK = component(
    "Link", {"rel": text("What it leads to; `archives` is job.zip."), "href": ADDRESS, "type": text("The media type.")}
)


def link(rel: str, endpoint: str, media_type: str = "application/json", **values: str) -> dict[str, str]:
    """Return a link, as OGC API Processes has them, to an endpoint with the variables of its route."""
    return {"rel": rel, "href": url_for(endpoint, _external=True, **values), "type": media_type}
