"""greeter: a long-running bioinformatics computation behind a web page."""

from typing import TYPE_CHECKING

from greeter.version import __version__

if TYPE_CHECKING:
    from flask import Flask

    from greeter.settings import Settings

__all__ = ["__version__", "create_app"]


def create_app(settings: "Settings | None" = None) -> "Flask":
    """Create the web application, with these settings or those of the environment."""
    # Imported here because a worker imports this package too, and must not load Flask.
    from greeter.web.app import create_app

    return create_app(settings)
