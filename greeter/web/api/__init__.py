"""The API for scripts, which /api describes. Its shape follows OGC API Processes: processes, execution, jobs, results.

The modules `processes`, `jobs` and `site` have its operations, in the order of its document.
"""

from flask import Flask

from greeter.web.api import cors, documentation, examples, jobs, processes, site
from greeter.web.api.operations import bp

__all__ = ["documentation", "examples", "init_app", "jobs", "processes", "site"]


def init_app(app: Flask) -> None:
    """Add the API to the app."""
    app.register_blueprint(bp)
    cors.init_app(app)
