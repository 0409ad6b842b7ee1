"""Entry points of the worker and the web that add the test tools in tests/zoo."""

from pathlib import Path

from flask import Flask

from greeter import create_app, tools

tools.__path__.append(str(Path(__file__).parent / "zoo"))

from greeter.worker import app  # noqa: E402, F401 (importing it loads the tools)


def web() -> Flask:
    """Create the web application as wsgi.py does, plus a page that raises an exception."""
    application = create_app()
    application.add_url_rule("/bug", view_func=lambda: str(1 / 0))
    return application
