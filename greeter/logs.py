"""The log of every process: one event a line, as JSON in production.

A line holds no whole id of a job, for who knows the id can see the job, and in production no text of an exception,
for that may quote what a user gave: the job's record has it.
"""

from __future__ import annotations

import json
import logging
import re
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from logging.config import dictConfig
from typing import Any

REQUEST: ContextVar[str] = ContextVar("REQUEST", default="")
"""The id of the request that the web answers, or that submitted the job which this process runs."""

JOB: ContextVar[str] = ContextVar("JOB", default="")
"""The start of the id of the job that this process runs."""

_TOLD = ("request", "job", "tool", "state", "attempts", "seconds", "method", "route", "status")
_WHOLE_ID = re.compile(r"\b([0-9a-f]{8})[0-9a-f]{24}\b")


def configure(production: bool) -> None:
    """Let everything in this process write as we do."""
    logging.captureWarnings(True)
    dictConfig(_configuration(production))


def _configuration(production: bool) -> dict[str, Any]:
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": JsonLine if production else TextLine}},
        "filters": {"not_of_a_task": {"()": lambda: _not_of_a_task}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"level": "INFO", "handlers": ["console"]},
        "loggers": {
            "gunicorn.error": {"handlers": [], "propagate": True},
            "multiprocessing": {"handlers": ["console"]},  # Celery's pool, which lets nothing through to the root
            "celery.app.trace": {"filters": ["not_of_a_task"]},
            "celery.worker.strategy": {"filters": ["not_of_a_task"]},
        },
    }


def _not_of_a_task(record: logging.LogRecord) -> bool:
    """Leave out what Celery tells of a task: the arguments or the exception are in it, and our lines tell the rest."""
    return not hasattr(record, "data") or record.levelno >= logging.CRITICAL


class TextLine(logging.Formatter):
    """For people: the time, who speaks, the event, what is known of it, and the traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; control characters in it are written as Python would."""
        told = "".join(f" {name}={value}" for name, value in _told(record).items())
        text = f"{self.formatTime(record, '%H:%M:%S')} {record.levelname} {record.name}: {record.getMessage()}{told}"
        text = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return _WHOLE_ID.sub(r"\1", text)


class JsonLine(logging.Formatter):
    """For programs: one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "event": record.getMessage(),
        } | _told(record)
        if record.exc_info:
            line["traceback"] = _where(record.exc_info[1])
        return _WHOLE_ID.sub(r"\1", json.dumps(line, default=str))


def _where(error: BaseException | None) -> str:
    """Where an error was raised, and its kind, from its first cause on."""
    parts = []
    while error:
        frames = "".join(traceback.format_tb(error.__traceback__))
        parts.append(f"{frames}{type(error).__module__}.{type(error).__qualname__}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n".join(reversed(parts))


def _told(record: logging.LogRecord) -> dict[str, Any]:
    """What is known of an event beside its name."""
    known = {"request": REQUEST.get(), "job": JOB.get()} | vars(record)
    return {name: known[name] for name in _TOLD if known.get(name) not in (None, "")}
