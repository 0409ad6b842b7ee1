"""The JSON Schemas of what the API answers."""

from __future__ import annotations

from typing import Any

from greeter.jobs.phase import Phase
from greeter.web.api.status import STATUSES

Schema = dict[str, Any]


def _object(properties: Schema, optional: Schema | None = None) -> Schema:
    """Return the schema of an object, whose `properties` are required."""
    return {"type": "object", "properties": properties | (optional or {}), "required": list(properties)}


def _list_of(name: str) -> Schema:
    return {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}}


def _text(description: str, **more: Any) -> Schema:
    return {"type": "string", "description": description, **more}


def _number(description: str, **more: Any) -> Schema:
    return {"type": "integer", "minimum": 0, "description": description, **more}


_TEXT: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_YES: Schema = {"type": "boolean"}
_ADDRESS: Schema = {"type": "string", "format": "uri"}
_TIME: Schema = {"type": "string", "format": "date-time"}
_LIMIT = _object({"limit": _COUNT}, {"left": _COUNT})

_SUMMARY: Schema = {
    "id": _text("Its name in addresses."),
    "title": _TEXT,
    "description": _TEXT,
    "version": _TEXT,
    "jobControlOptions": {"type": "array", "items": _TEXT},
    "outputTransmission": {"type": "array", "items": _TEXT},
    "duration": _text("How long a job usually takes, in words; may be empty."),
    "available": {"type": "boolean", "description": "Whether it can be executed now."},
    "problem": {"type": ["string", "null"], "description": "Why it cannot be executed, and what to do."},
    "links": _list_of("Link"),
}
_INPUT = _object({"title": _TEXT, "description": _TEXT, "minOccurs": _COUNT, "schema": {"type": "object"}})
_DEFAULT: Schema = {"type": "boolean", "description": "Whether a job uses it, or a newer version, if none is given."}
_DATABASE: Schema = {
    "id": _TEXT,
    "version": _TEXT,
    "name": _text("The value of an input that takes a database: the id and the version."),
    "title": _TEXT,
    "kind": _text("protein, dna, rna, or a kind of its own."),
    "file": _text("The name of its main file."),
    "files": {"type": "object", "description": "The SHA-256 of each file.", "additionalProperties": _TEXT},
    **{name: {"type": ["integer", "null"], "minimum": 0} for name in ("sequences", "residues", "longest")},
    **dict.fromkeys(("description", "source", "licence", "released"), _TEXT),
}

SCHEMAS: dict[str, Schema] = {
    "Problem": _object(
        {
            "title": _text("What is wrong, the same for each problem of this kind."),
            "status": _number("The HTTP status."),
            "detail": _text("What is wrong here, and what to do."),
            "reference": _text("The start of the request's line in the log of this site. Quote it to the operators."),
        },
        {
            "type": _text("The kind of problem; about:blank if it is missing.", format="uri-reference"),
            "errors": {
                "type": "array",
                "items": _object({"field": _text("The name of the field."), "detail": _text("What to do.")}),
            },
        },
    ),
    "Link": _object({"rel": _TEXT, "href": _ADDRESS, "type": _TEXT}),
    "ProcessList": _object({"processes": _list_of("ProcessSummary"), "links": _list_of("Link")}),
    "ProcessSummary": _object(_SUMMARY),
    "Process": _object(
        _SUMMARY
        | {
            "inputs": {"type": "object", "additionalProperties": _INPUT},
            "outputs": {"type": "object"},
            "maximumBytes": _number("The maximum size of a submission in bytes."),
            "maximumSeconds": _number("After this time, a job is stopped, and keeps its partial result."),
        }
    ),
    "Execute": _object({"inputs": {"type": "object"}}),
    "StatusInfo": _object(
        {
            "jobID": _TEXT,
            "processID": _TEXT,
            "type": {"const": "process"},
            "status": _text(
                "accepted and running are not final; the others are.", enum=list(dict.fromkeys(STATUSES.values()))
            ),
            "phase": _text("The state as the page of the job names it.", enum=list(Phase)),
            "message": _text("The state as a sentence; for a failed job, why it failed and what to do."),
            "label": _text("The name of the job; may be empty."),
            "partial": {"type": "boolean", "description": "Whether the result is partial."},
            "links": _list_of("Link"),
        },
        {
            "created": _TIME,
            "started": _TIME,
            "finished": _TIME,
            "progress": _number("How much is done, in percent, if it is known.", maximum=100),
            "ahead": _number("How many jobs are ahead in the queue, while the job waits."),
            "output": _text("The end of the error output of the program that made the job fail."),
            "reference": _text("Of a failed job. Quote it to the operators."),
        },
    ),
    "Results": _object(
        {
            "result": {"description": "What the tool returned."},
            "partial": _YES,
            "files": _list_of("ResultFile"),
            "databases": {
                "type": "object",
                "description": "The reference databases that the job used, by the name of the input.",
                "additionalProperties": {"$ref": "#/components/schemas/UsedDatabase"},
            },
        }
    ),
    "ResultFile": _object(
        {
            "rel": _TEXT,
            "href": _ADDRESS,
            "type": _text("Its media type."),
            "name": _TEXT,
            "title": _text("A sentence about it; may be empty."),
            "bytes": _COUNT,
        }
    ),
    "DatabaseList": _object({"databases": _list_of("Database")}),
    "UsedDatabase": _object(_DATABASE),
    "Database": _object(
        _DATABASE | {"default": _DEFAULT, "paused": _text("Why new jobs cannot use it; empty if they can.")}
    ),
    "Limits": _object(
        {
            "activeJobs": _LIMIT | {"description": "Your jobs that are waiting or running."},
            "keptBytes": _LIMIT | {"description": "The bytes of the files of all your jobs, until they are deleted."},
            "waitingJobsOfAll": _LIMIT | {"description": "The waiting jobs of all visitors."},
            "keptBytesOfAll": _LIMIT | {"description": "The bytes of the files of the jobs of all visitors."},
            "submissionsPerMinute": _LIMIT | {"description": "Your submissions in this minute."},
            "requestsPerMinute": _LIMIT | {"description": "Your requests of any kind, for each process of the web."},
            "submissionBytes": _LIMIT
            | {"description": "The bytes of one submission, unless a tool has another limit."},
            "sequencesOfField": _LIMIT | {"description": "The sequences in one field."},
            "residuesOfField": _LIMIT | {"description": "The residues in one field, all its sequences together."},
            "secondsOfJob": _LIMIT | {"description": "How long a job may run, unless its tool has another limit."},
            "daysKept": _LIMIT | {"description": "How long a job is kept after its end."},
        }
    ),
    "Health": _object({"status": {"const": "ok"}}),
    "ServiceInfo": _object(
        {
            "id": _TEXT,
            "name": _TEXT,
            "type": _object({"group": _TEXT, "artifact": _TEXT, "version": _TEXT}),
            "organization": _object({"name": _TEXT, "url": _ADDRESS}),
            "version": _TEXT,
        },
        {"description": _TEXT, "contactUrl": _ADDRESS, "documentationUrl": _ADDRESS},
    ),
}
"""The components of the OpenAPI document, by name."""
