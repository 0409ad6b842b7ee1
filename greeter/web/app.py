"""The application factory."""

from collections.abc import Callable
from typing import Any

from click import get_current_context
from flask import Flask, Response, send_from_directory
from werkzeug.middleware.proxy_fix import ProxyFix

from greeter import tools
from greeter.settings import Settings
from greeter.settings_loader import load_settings
from greeter.web import (
    api,
    compression,
    errors,
    health,
    job_actions,
    jobs,
    mail,
    metrics,
    pages,
    request_log,
    security,
    services,
    site,
    template_filters,
    tool_templates,
)
from greeter.web.commands import cli, describe
from greeter.web.input import request_body

_FORM_OVERHEAD = 64 * 1024  # bytes of a submission in addition to its large fields
_MAX_FORM_PARTS = 100
_MAX_TEXT = 16 * 1024 * 1024  # bytes of pasted text


class Site(Flask):
    """The application. None of its functions is a coroutine."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function. Flask inspects each hook and view in each request, a tenth of the time of a poll."""
        return func

    def send_static_file(self, filename: str) -> Response:
        """Send a static file: the operator's, if there is one."""
        if own := site.own_site().static_folder(filename):
            return send_from_directory(own, filename)
        return super().send_static_file(filename)


def create_app(settings: Settings | None = None) -> Flask:
    """Create the web application; see `greeter.create_app`."""
    settings = settings or load_settings()
    app = Site("greeter", template_folder="../templates", static_folder="../static")
    _configure(app, settings)
    files = tools.read()
    if not get_current_context(silent=True):  # the commands of `flask` print what is wrong themselves
        tools.report(files)
    services.init_app(app, settings, files)
    request_log.init_app(app)  # first, so that it measures the whole request
    app.before_request(app.extensions["greeter"].limits.count_request)
    requests = (errors, request_body, security, compression)
    templates = (template_filters, tool_templates, site, describe)
    for module in (*requests, *templates, jobs, cli):
        module.init_app(app)
    for blueprint in (api.bp, pages.bp, job_actions.bp, mail.bp, health.bp, metrics.bp):
        app.register_blueprint(blueprint)
    return app


def _configure(app: Flask, settings: Settings) -> None:
    # Browsers send CRLF in text areas: up to an eighth more bytes than in the file, if the lines are short.
    max_bytes = settings.max_upload_bytes + settings.max_upload_bytes // 8 + _FORM_OVERHEAD
    app.config["MAX_CONTENT_LENGTH"] = max_bytes
    app.config["MAX_FORM_MEMORY_SIZE"] = min(max_bytes, _MAX_TEXT)  # pasted text is in memory; files are not
    app.config["MAX_FORM_PARTS"] = _MAX_FORM_PARTS
    app.config["TEMPLATES_AUTO_RELOAD"] = not settings.production
    app.config["TRUSTED_HOSTS"] = settings.trusted_hosts or None
    if hops := settings.proxy_hops:
        app.wsgi_app = ProxyFix(app.wsgi_app, hops, hops, hops, x_prefix=hops)  # type: ignore[method-assign]
    app.url_map.merge_slashes = False  # a redirect would be HTML, in the API too
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
