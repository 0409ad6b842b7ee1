"""The htmx fragment endpoint: a job's progress, which a page asks for every second."""

from flask import Blueprint, Flask, render_template, request
from flask.typing import ResponseReturnValue

from greeter.web.errors import missing
from greeter.web.jobs import job_context
from greeter.web.services import site

bp = Blueprint("fragments", __name__)
bp.register_error_handler(FileNotFoundError, missing)


def init_app(app: Flask) -> None:
    """Add the fragments to the app."""
    app.register_blueprint(bp)


@bp.get("/jobs/<job_id:job_id>/progress")
def progress(job_id: str) -> ResponseReturnValue:
    """Render a job's progress or result, or answer 304 when it is as the page already shows it."""
    record = site().home_of(job_id).find(job_id)
    if request.headers.get("HX-PTag") == record.tag:
        return "", 304
    return render_template("_live.html", **job_context(record)), {"HX-PTag": record.tag}
