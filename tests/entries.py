"""Entry points of the worker and the web that add the test tools in tests/zoo, and ways to disturb them."""

import os
import time
from pathlib import Path
from typing import Any

from celery.worker.control import control_command
from flask import Flask

from greeter import create_app, tools
from greeter.jobs.files import probe
from greeter.jobs.records import scripts

tools.__path__.append(str(Path(__file__).parent / "zoo"))

from greeter.worker import app  # noqa: E402, F401 (importing it loads the tools)


@control_command()
def hang(state: Any) -> None:
    """Block the main thread of a worker, but none of its other threads."""
    time.sleep(3600)


def web() -> Flask:
    """Create the web application as wsgi.py does, plus a page that raises an exception.

    The variables _HEAD_SECONDS and _BODY_SECONDS change how long gunicorn waits for a client, and _FOLDER_SECONDS and
    _REDIS_SECONDS, how long the application waits for DATA_DIR and Redis: a machine that stalls would otherwise be an
    outage of them. Where they are empty, the application waits as long as on a site.
    """
    from greeter.web.server import gunicorn_worker  # here, because a worker of Celery does without gunicorn

    for name in os.environ.keys() & {"_HEAD_SECONDS", "_BODY_SECONDS"}:
        setattr(gunicorn_worker, name, int(os.environ[name]))
    probe._PATIENCE = int(os.environ.get("_FOLDER_SECONDS") or probe._PATIENCE)
    scripts._PATIENCE = int(os.environ.get("_REDIS_SECONDS") or scripts._PATIENCE)
    application = create_app()
    application.add_url_rule("/bug", view_func=lambda: str(1 / 0))
    return application
