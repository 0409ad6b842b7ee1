"""Describe the tools for registries and search engines: Bioschemas on their pages, and entries for bio.tools."""

import json
import re

import click
from flask import Flask, current_app, url_for
from flask.ctx import RequestContext
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup
from werkzeug.exceptions import SecurityError

from greeter.toolkit.json_types import JSONObject
from greeter.toolkit.tool import Tool
from greeter.version import __version__
from greeter.web.commands import bp
from greeter.web.services import services

_PROFILE = "https://bioschemas.org/profiles/ComputationalTool/1.0-RELEASE"
_EDAM = "http://edamontology.org/"
_NOT_IN_A_NAME = re.compile(r"[^ (-)+-.0-;A-Z_a-z]+")  # of biotoolsSchema 3.3
_LONGEST_NAME, _LONGEST_DESCRIPTION = 100, 1000  # characters


def init_app(app: Flask) -> None:
    """Add the function that describes a tool on its page."""
    app.jinja_env.globals["data_block"] = data_block


@bp.cli.command()
@click.option("--biotools", is_flag=True, help="In the format of bio.tools instead of Bioschemas.")
@click.option("--site", required=True, help="The address of the site, such as https://example.org.")
def describe(biotools: bool, site: str) -> None:
    """Describe each tool in JSON: as its page does, in terms of Bioschemas, or for a registration at bio.tools."""
    write = biotools_entry if biotools else bioschemas
    with _request_to(site):
        click.echo(json.dumps([write(tool) for tool in services().tools.values()], indent=1, ensure_ascii=False))


def _request_to(site: str) -> RequestContext:
    """Return the context of a request to the site with this address. Raises BadParameter if it is none."""
    try:
        context = current_app.test_request_context(base_url=site)
        if site.lower().startswith(("https://", "http://")) and context.request.host:
            return context
    except (ValueError, SecurityError):  # it has a query; its host is not trusted
        pass
    problem = "Give the whole address, such as https://example.org. If TRUSTED_HOSTS is set, it must have this host."
    raise click.BadParameter(problem, param_hint="--site")


def data_block(tool: Tool) -> Markup:
    """Return the description of a tool for its page. It is data: a browser does not run it."""
    return Markup('<script type="application/ld+json">{}</script>').format(htmlsafe_json_dumps(bioschemas(tool)))


def bioschemas(tool: Tool) -> JSONObject:
    """Describe a tool in the terms of https://bioschemas.org/profiles/ComputationalTool/1.0-RELEASE, in JSON-LD.

    There is no author, citation or licence: those of a tool and of what it runs are not known.
    """
    url, site = _addresses(tool)
    settings = services().settings
    return {
        "@context": "https://schema.org",
        "@id": url,
        "@type": "SoftwareApplication",
        "http://purl.org/dc/terms/conformsTo": {"@id": _PROFILE, "@type": "CreativeWork"},
        "name": tool.title,
        "description": tool.summary,
        "url": url,
        "identifier": tool.name,
        "softwareVersion": __version__,
        "softwareHelp": {"@type": "CreativeWork", "url": _help(tool)},
        "applicationCategory": "Web application",
        "isAccessibleForFree": True,
        "provider": {"@type": "Organization", "name": settings.site_name, "url": site, "email": settings.contact},
        "featureList": [_defined_term(*term) for term in _terms(tool, "operation")],
        "applicationSubCategory": [_defined_term(*term) for term in _terms(tool, "topic")],
    }


def biotools_entry(tool: Tool) -> JSONObject:
    """Describe a tool in the terms of biotoolsSchema 3.3 (https://github.com/bio-tools/biotoolsSchema)."""
    url, site = _addresses(tool)
    operations, topics = (
        [{"uri": uri, "term": label} for uri, label in _terms(tool, kind)] for kind in ("operation", "topic")
    )
    settings = services().settings
    contact = {"name": settings.site_name[:_LONGEST_NAME], "email": settings.contact, "url": site}
    return {
        "name": " ".join(_NOT_IN_A_NAME.sub(" ", tool.title).split())[:_LONGEST_NAME] or tool.name,
        "description": f"{tool.title}: {tool.summary}"[:_LONGEST_DESCRIPTION],
        "homepage": url,
        "version": [__version__],
        "toolType": ["Web application"],
        "topic": topics,
        "function": [{"operation": operations}] if operations else [],
        "cost": "Free of charge",
        "accessibility": "Open access",
        "documentation": [{"url": _help(tool), "type": ["User manual"]}],
        "credit": [contact | {"typeRole": ["Primary contact", "Provider"]}],
    }


def _addresses(tool: Tool) -> tuple[str, str]:
    """Return the addresses of a tool and of the site."""
    return url_for("pages.tool", name=tool.name, _external=True), url_for("pages.index", _external=True)


def _help(tool: Tool) -> str:
    return url_for("pages.help", _external=True, _anchor=tool.name)


def _terms(tool: Tool, kind: str) -> list[tuple[str, str]]:
    """Return the address and the label of each EDAM term of a kind."""
    return [(_EDAM + term, label) for term, label in tool.edam.items() if term.startswith(kind)]


def _defined_term(uri: str, label: str) -> dict[str, str]:
    return {"@type": "DefinedTerm", "@id": uri, "name": label}
