"""The databases, limits and health of the site, and the description of the API: as an OpenAPI document and a page."""

import re

from flask import current_app, render_template, url_for

from greeter.toolkit.json_types import JSONObject
from greeter.version import __version__
from greeter.web.api.databases import DATABASE_LIST
from greeter.web.api.openapi import document
from greeter.web.api.operations import Answer, bp, operation
from greeter.web.api.outputs import outputs_of
from greeter.web.api.problem import Problem
from greeter.web.api.schemas import ADDRESS, COUNT, TEXT, Schema, about, component, object_of
from greeter.web.health import problem
from greeter.web.limits import client_address
from greeter.web.services import services
from greeter.web.site import own_site

_NOT_IN_AN_ID = re.compile(r"[^a-z0-9]+")

_LIMIT: Schema = object_of({"limit": COUNT}, {"left": COUNT})
_LIMITS = {
    "activeJobs": ("max_active", "Your jobs that are waiting or running."),
    "keptBytes": ("max_client_bytes", "The bytes of the files of all your jobs. Delete jobs to have more left."),
    "waitingJobsOfAll": ("max_waiting", "The waiting jobs of all visitors."),
    "keptBytesOfAll": ("max_total_bytes", "The bytes of the files of the jobs of all visitors."),
    "submissionsPerMinute": (
        "submits_per_minute",
        "Your submissions with valid inputs, also those that are sent again or refused because of another limit. The "
        "count starts again with each minute of the clock.",
    ),
    "requestsPerMinute": (
        "requests_per_minute",
        "Your requests of any kind. The count starts again with each minute of the clock. If this site has several "
        "server processes, each counts only the requests that it answers, so you can send more in total.",
    ),
    "submissionBytes": ("max_upload_bytes", "The bytes of one submission, unless a tool has another limit."),
    "partsOfForm": ("", "The files and texts in one form. JSON has no such limit."),
    "sequencesOfField": ("max_records", "The sequences in one field."),
    "residuesOfField": ("max_residues", "The residues in one field, all its sequences together."),
    "secondsOfJob": ("soft_time_limit", "How long a job may run, unless its tool has another limit."),
    "daysKept": ("retention_days", "How long a job is kept after its end."),
}
"""The setting of each limit, empty for one that is fixed, and its description."""

LIMITS = component("Limits", {name: about(text, _LIMIT) for name, (_, text) in _LIMITS.items()})
HEALTH = component("Health", {"status": {"const": "ok"}})
SERVICE_INFO = component(
    "ServiceInfo",
    {
        "id": TEXT,
        "name": TEXT,
        "type": object_of({"group": TEXT, "artifact": TEXT, "version": TEXT}),
        "organization": object_of({"name": TEXT, "url": ADDRESS}),
        "version": TEXT,
    },
    {"description": TEXT, "contactUrl": ADDRESS, "documentationUrl": ADDRESS},
)


@operation("GET", "/api/v1/databases", {200: Answer("The databases.", DATABASE_LIST)})
def show_databases() -> JSONObject:
    """List the reference databases that the tools can search, the newest version of each first.

    The name of a version is the value of an input that takes a database.
    """
    return {"databases": [{"name": one.name} | one.about for one in services().databases.published()]}


@operation("GET", "/api/v1/limits", {200: Answer("The limits.", LIMITS)})
def show_limits() -> JSONObject:
    """Show the limits of this site, and what is left of them for you.

    You are the network address from which you ask. When nothing is left of a limit, an execution gets status 429, or
    503 if it is a limit of all visitors together.
    """
    usage = services().jobs.store.usage(client_address())
    used = {
        "activeJobs": usage.active,
        "keptBytes": usage.client_bytes,
        "waitingJobsOfAll": usage.waiting,
        "keptBytesOfAll": usage.all_bytes,
        "submissionsPerMinute": services().limits.submissions(),
        "requestsPerMinute": services().limits.requests(),
    }
    limits = {name: getattr(services().settings, setting) for name, (setting, _) in _LIMITS.items() if setting}
    limits["partsOfForm"] = current_app.config["MAX_FORM_PARTS"]
    left = {name: {"left": max(limits[name] - number, 0)} for name, number in used.items()}
    return {name: {"limit": limit, **left.get(name, {})} for name, limit in limits.items()}


@operation("GET", "/api/v1/health", {200: Answer("A job submitted now would run.", HEALTH)})
def show_health() -> JSONObject:
    """Show whether a job submitted now would run."""
    if reason := problem():
        raise Problem(503, "Jobs cannot run at the moment", reason, {"Retry-After": "5"})
    return {"status": "ok"}


@operation("GET", "/api/ga4gh/service-info", {200: Answer("The service.", SERVICE_INFO)})
def show_service() -> JSONObject:
    """Describe this site as GA4GH Service Info 1.0.0 does."""
    settings, here = services().settings, url_for("pages.index", _external=True)
    domain = settings.contact.partition("@")[2]
    return {
        "id": ".".join([*reversed(domain.split(".")), _NOT_IN_AN_ID.sub("-", settings.site_name.lower())]),
        "name": settings.site_name,
        "type": {"group": "org.ogc", "artifact": "ogcapi-processes", "version": "1.0.0"},
        "description": own_site().summary,
        "organization": {"name": domain, "url": here},
        "contactUrl": f"mailto:{settings.contact}",
        "documentationUrl": url_for("api.show_page", _external=True),
        "version": __version__,
    }


@bp.get("/api/openapi.json")
def show_document() -> JSONObject:
    """Show the OpenAPI document."""
    return document()


@bp.get("/api")
def show_page() -> str:
    """Show how to use the API, and what the document says, as a page."""
    tools = services().tools.values()
    outputs = {tool.name: outputs_of(tool) for tool in tools}
    return render_template("api.html", document=document(), tools=tools, outputs=outputs)
