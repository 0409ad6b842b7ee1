"""What a visitor can do with a job: cancel, delete, edit and run it again."""

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from greeter.web.errors import missing_file
from greeter.web.input.forms import make_form
from greeter.web.input.uploads import of_job
from greeter.web.job_context import can_run_again, context_of
from greeter.web.pages import find_tool, form_page, submit_job
from greeter.web.services import services

_FILES_GONE = "The input files of this job were deleted, or can no longer be read. Enter them again."

bp = Blueprint("job_actions", __name__)
bp.register_error_handler(FileNotFoundError, missing_file)


@bp.post("/jobs/<job_id:job_id>/cancel")
def cancel(job_id: str) -> ResponseReturnValue:
    """Cancel a job, unless it has ended."""
    if services().find(job_id).active:
        services().jobs.cancel(job_id)
    return redirect(url_for("jobs.job", job_id=job_id), 303)


@bp.get("/jobs/<job_id:job_id>/delete")
def confirm_delete(job_id: str) -> ResponseReturnValue:
    """Ask whether an ended job should be deleted."""
    record = services().find(job_id)
    if record.active or not record.kept_until:
        return redirect(url_for("jobs.job", job_id=job_id), 303)
    return render_template("delete.html", **context_of(record))


@bp.post("/jobs/<job_id:job_id>/delete")
def delete(job_id: str) -> ResponseReturnValue:
    """Delete an ended job with all its files, unless it is a sample."""
    if not services().find(job_id).kept_until or not services().jobs.delete(job_id):
        return redirect(url_for("jobs.job", job_id=job_id), 303)
    return render_template("deleted.html")


@bp.get("/jobs/<job_id:job_id>/edit")
def edit(job_id: str) -> str:
    """Show the form of a job's tool, filled with the input of the job."""
    record = services().find(job_id)
    tool, reader = find_tool(record.tool), services().reader_for(job_id)
    provenance = reader.provenance(job_id)
    problem = "" if reader.files.has_inputs(job_id, provenance.checksums) else _FILES_GONE
    form = make_form(tool, data=of_job(reader.params(job_id, provenance), job_id, provenance.filenames))
    return form_page(tool, form, record.label, problem)


@bp.post("/jobs/<job_id:job_id>/again")
def again(job_id: str) -> ResponseReturnValue:
    """Submit the input of a job as a new job."""
    record = services().find(job_id)
    tool, reader = find_tool(record.tool), services().reader_for(job_id)
    provenance = reader.provenance(job_id)
    params = reader.params(job_id, provenance)
    if not can_run_again(record, provenance):
        return redirect(url_for(".edit", job_id=job_id), 303)
    form = make_form(tool, data=of_job(params, job_id, provenance.filenames))
    return submit_job(tool, form, params, record.label, provenance.filenames)
