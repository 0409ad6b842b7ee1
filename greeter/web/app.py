"""The application factory of the web."""

from __future__ import annotations

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from greeter import tools
from greeter.settings import Settings
from greeter.web import (
    cli,
    compression,
    errors,
    health,
    jobs,
    limits,
    metrics,
    pages,
    request_log,
    security,
    services,
    template_filters,
)

# What a submission has beside its large fields: the small ones, and the marks between the parts. (A browser also sends
# what was pasted, or came back to be edited, with two bytes at the end of each line: an eighth more, in short lines.)
_FORM_OVERHEAD = 64 * 1024
_MOST_FORM_PARTS = 100


def create_app(settings: Settings | None = None) -> Flask:
    """Make the web application, with the settings of the environment unless others are given."""
    settings = settings or Settings.load()
    app = Flask("greeter", template_folder="../templates", static_folder="../static")
    app.config["MAX_CONTENT_LENGTH"] = settings.max_upload_bytes + settings.max_upload_bytes // 8 + _FORM_OVERHEAD
    app.config["MAX_FORM_MEMORY_SIZE"] = app.config["MAX_CONTENT_LENGTH"]  # pasting may take as much as uploading
    app.config["MAX_FORM_PARTS"] = _MOST_FORM_PARTS
    app.config["TRUSTED_HOSTS"] = settings.trusted_hosts or None
    if hops := settings.proxy_hops:
        app.wsgi_app = ProxyFix(app.wsgi_app, hops, hops, hops, x_prefix=hops)  # type: ignore[method-assign]
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    services.init_app(app, settings, tools.load())
    web = (errors, limits, security, compression, template_filters, pages, jobs, health, metrics, cli)
    for part in (request_log, *web):
        part.init_app(app)
    return app
