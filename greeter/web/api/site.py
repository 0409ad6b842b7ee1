"""The databases, limits and health of the site."""

from __future__ import annotations

import re

from flask import url_for

from greeter.toolkit.json_types import JSONObject
from greeter.version import __version__
from greeter.web.api.databases import DATABASE_LIST
from greeter.web.api.operations import PREFIX, Answer, operation
from greeter.web.api.problem import Problem
from greeter.web.api.schemas import ADDRESS, COUNT, TEXT, Schema, about, component, object_of
from greeter.web.health import problem
from greeter.web.limits import client_address
from greeter.web.services import services
from greeter.web.site import own_site

_NOT_IN_AN_ID = re.compile(r"[^a-z0-9]+")

_LIMIT: Schema = object_of({"limit": COUNT}, {"left": COUNT})
LIMITS = component(
    "Limits",
    {
        "activeJobs": about("Your jobs that are waiting or running.", _LIMIT),
        "keptBytes": about("The bytes of the files of all your jobs, until they are deleted.", _LIMIT),
        "waitingJobsOfAll": about("The waiting jobs of all visitors.", _LIMIT),
        "keptBytesOfAll": about("The bytes of the files of the jobs of all visitors.", _LIMIT),
        "submissionsPerMinute": about("Your submissions in this minute.", _LIMIT),
        "requestsPerMinute": about("Your requests of any kind, for each process of the web.", _LIMIT),
        "submissionBytes": about("The bytes of one submission, unless a tool has another limit.", _LIMIT),
        "sequencesOfField": about("The sequences in one field.", _LIMIT),
        "residuesOfField": about("The residues in one field, all its sequences together.", _LIMIT),
        "secondsOfJob": about("How long a job may run, unless its tool has another limit.", _LIMIT),
        "daysKept": about("How long a job is kept after its end.", _LIMIT),
    },
)
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


@operation("GET", f"{PREFIX}/databases", {200: Answer("The databases.", DATABASE_LIST)})
def show_databases() -> JSONObject:
    """List the reference databases that the tools can search, the newest version of each first.

    The name of a version is the value of an input that takes a database.
    """
    return {"databases": [{"name": one.name} | one.about for one in services().databases.published()]}


@operation("GET", f"{PREFIX}/limits", {200: Answer("The limits.", LIMITS)})
def show_limits() -> JSONObject:
    """Show the limits of this site, and what is left of them for you.

    You are the network address from which you ask. When nothing is left of a limit, an execution gets status 429, or
    503 if it is a limit of all visitors together.
    """
    settings = services().settings
    used = services().jobs.store.usage(client_address())
    counted = {
        "activeJobs": (settings.max_active, used.active),
        "keptBytes": (settings.max_client_bytes, used.client_bytes),
        "waitingJobsOfAll": (settings.max_waiting, used.waiting),
        "keptBytesOfAll": (settings.max_total_bytes, used.all_bytes),
        "submissionsPerMinute": (settings.submits_per_minute, services().limits.submissions()),
    }
    return {
        **{name: {"limit": most, "left": max(most - number, 0)} for name, (most, number) in counted.items()},
        "requestsPerMinute": {"limit": settings.requests_per_minute},
        "submissionBytes": {"limit": settings.max_upload_bytes},
        "sequencesOfField": {"limit": settings.max_records},
        "residuesOfField": {"limit": settings.max_residues},
        "secondsOfJob": {"limit": settings.soft_time_limit},
        "daysKept": {"limit": settings.retention_days},
    }


@operation("GET", f"{PREFIX}/health", {200: Answer("A job submitted now would run.", HEALTH)})
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
