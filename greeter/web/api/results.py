"""The results of a job: what the tool returned, its files, and the databases that it used."""

from greeter.jobs.record import Record
from greeter.toolkit.json_types import JSONObject
from greeter.web.api.databases import USED_DATABASE, databases_of
from greeter.web.api.operations import link
from greeter.web.api.schemas import ADDRESS, COUNT, TEXT, YES, component, list_of, text
from greeter.web.job_context import files_of

FILE = component(
    "ResultFile",
    {
        "rel": TEXT,
        "href": ADDRESS,
        "type": text("Its media type."),
        "name": TEXT,
        "title": text("A sentence about it; may be empty."),
        "bytes": COUNT,
    },
)
RESULTS = component(
    "Results",
    {
        "result": {"description": "What the tool returned. The description of the tool explains it, with an example."},
        "partial": YES,
        "files": list_of(FILE),
        "databases": {
            "type": "object",
            "description": "The reference databases that the job used, by the name of the input.",
            "additionalProperties": USED_DATABASE,
        },
    },
)


def results_of(record: Record) -> JSONObject:
    """Return the results of a job, as RESULTS describes them."""
    files: list[JSONObject] = []
    for file in files_of(record):
        href = link("item", "api.download_file", file.media_type, job_id=record.id, name=file.name)
        files.append(href | {"name": file.name, "title": file.about, "bytes": file.size})
    return {"result": record.result, "partial": record.partial, "files": files, "databases": databases_of(record)}
