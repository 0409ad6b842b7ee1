"""Log format of every process: one event per line, as JSON in production.

No line contains a complete job id, because anyone who has the id can see the job. In production, no line contains the
message of an exception, because it may quote user input; the job's record keeps it.
"""

import json
import logging
import re
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from logging.config import dictConfig

from greeter.output import write

REQUEST: ContextVar[str] = ContextVar("REQUEST", default="")
"""The id of the current request or, in a worker, of the request that submitted the current job."""

JOB: ContextVar[str] = ContextVar("JOB", default="")
"""The first characters of the id of the job that this process runs."""

_FIELDS = ("request", "job", "tool", "state", "attempts", "seconds", "method", "route", "status")
_LONGEST, _MOST_CAUSES = 20_000, 20  # characters of a traceback, and errors that led to one
_PATIENCE = 1000  # milliseconds in which somebody has to read the log
_encode = json.JSONEncoder(default=str).encode  # json.dumps would make an encoder for each line
_COMPLETE_ID = re.compile(r"([0-9a-f]{8})(?<!\w.{8})[0-9a-f]{24}\b")  # "\b" as the start would take twice as long


def configure(production: bool) -> None:
    """Use this log format for everything in this process: JSON lines in production, text otherwise."""
    logging.captureWarnings(True)
    # Skip what no log line uses; see "Optimization" in Python's documentation of logging.
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    dictConfig(_configuration(production))


def _configuration(production: bool) -> dict[str, object]:
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": JsonLine if production else TextLine}},
        "filters": {"not_about_a_task": {"()": lambda: _not_about_a_task}},
        "handlers": {"console": {"()": Console, "formatter": "line"}},
        "root": {"level": "INFO", "handlers": ["console"]},
        "loggers": {
            "gunicorn.error": {"handlers": [], "propagate": True},
            "multiprocessing": {"handlers": ["console"]},  # the logger of Celery's pool, which does not propagate
            # All their other lines are about single tasks, so do not even create them.
            "celery.app.trace": {"filters": ["not_about_a_task"], "level": "WARNING"},
            "celery.worker.strategy": {"filters": ["not_about_a_task"], "level": "WARNING"},
        },
    }


def _not_about_a_task(record: logging.LogRecord) -> bool:
    """Drop Celery's lines about single tasks, which contain arguments or exceptions; greeter logs its own."""
    return not hasattr(record, "data") or record.levelno >= logging.CRITICAL


class Console(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes events to standard error, and drops them while nobody reads it.

    A pipe that is full would suspend every thread with an event, and so the whole site, when a terminal is paused or
    the log of the system hangs.
    """

    _patience, _dropped = _PATIENCE, 0
    _is_torn = False  # whether only a part of the last line was written

    def emit(self, record: logging.LogRecord) -> None:
        """Write an event, after the number of those that were dropped."""
        try:
            descriptor = self.stream.fileno()
        except (OSError, ValueError):  # closed by a tool, or not a file
            return super().emit(record)
        try:
            line = self._lines(record).encode(errors="backslashreplace")
            written = write(descriptor, line, self._patience)
            is_complete = written == len(line)
            self._is_torn = not is_complete if written else self._is_torn
            self._dropped = 0 if is_complete else self._dropped + 1
            self._patience = _PATIENCE if is_complete else 0  # do not wait for each event
        except Exception:
            self.handleError(record)

    def _lines(self, record: logging.LogRecord) -> str:
        text = self.terminator * self._is_torn
        if self._dropped:
            notice = {"levelname": "WARNING", "name": "logs", "msg": f"dropped {self._dropped} events"}
            text += self.format(logging.makeLogRecord(notice)) + self.terminator
        return text + self.format(record) + self.terminator


class TextLine(logging.Formatter):
    """Format an event for people: time, level, logger, event, fields, and the traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the event as text, with control characters escaped as in a Python string."""
        fields = "".join(f" {name}={value}" for name, value in _event_fields(record).items())
        head = f"{self.formatTime(record, '%H:%M:%S')} {record.levelname} {_logger_name(record)}"
        text = f"{head}: {record.getMessage()}{fields}"
        text = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
        if record.exc_info:
            text += "\n" + _shortened(self.formatException(record.exc_info))
        return _COMPLETE_ID.sub(r"\1", text)


class JsonLine(logging.Formatter):
    """Format an event for programs: one JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the event as a JSON object."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": _logger_name(record),
            "event": record.getMessage(),
        } | _event_fields(record)
        if record.exc_info:
            line["traceback"] = _shortened(_traceback_without_messages(record.exc_info[1]))
        return _COMPLETE_ID.sub(r"\1", _encode(line))


def _shortened(trace: str) -> str:
    """Return a traceback without its middle: it may have any number of frames, and a message in it any size."""
    half = _LONGEST // 2
    return trace if len(trace) <= _LONGEST else f"{trace[:half]} ... {trace[-half:]}"


def _logger_name(record: logging.LogRecord) -> str:
    """Return the name of the logger, without that of our package, which is not the name of the site."""
    package, _, name = record.name.partition(".")
    return record.name if package != "greeter" else name or "web"  # Flask logs as greeter


def _traceback_without_messages(error: BaseException | None) -> str:
    """Return the frames and the type of an exception and of its causes, the first cause first."""
    parts: list[str] = []
    while error is not None and len(parts) < _MOST_CAUSES:  # an error can be its own cause
        frames = "".join(traceback.format_tb(error.__traceback__))
        parts.append(f"{frames}{type(error).__module__}.{type(error).__qualname__}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n".join(reversed(parts))


def _event_fields(record: logging.LogRecord) -> dict[str, object]:
    """Return the fields of an event that have a value; the record's own override those of the context."""
    values = {"request": REQUEST.get(), "job": JOB.get()} | vars(record)
    return {name: values[name] for name in _FIELDS if values.get(name) not in (None, "")}
