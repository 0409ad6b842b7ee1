"""The entries of the worker and the web, with the tools of the zoo beside the site's own."""

from pathlib import Path

from flask import Flask

from greeter import create_app, tools

tools.__path__.append(str(Path(__file__).parent / "zoo"))

from greeter.worker import app  # noqa: E402, F401 (it finds the tools when it is imported)


def web() -> Flask:
    """Make the web application, as wsgi.py does, with a page that has a bug."""
    application = create_app()
    application.add_url_rule("/bug", view_func=lambda: 1 / 0)
    return application
