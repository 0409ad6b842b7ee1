"""The log: its format, its fields, and what it must not contain."""

import json
import logging
import os
import re
import signal
import sys
from dataclasses import replace

import pytest

from greeter.logs import JOB, REQUEST, Console, JsonLine, TextLine
from tests.conftest import Installation, wait_for
from tests.http import fetch, post, submit, wait_for_end
from tests.test_recovery import let_jobs_end

ID = "0123456789abcdef" * 2


def record(message: str, *arguments: object, **extra: object) -> logging.LogRecord:
    """Return the record that a logger passes to a formatter, with the exception that is being handled."""
    exc_info = sys.exc_info() if sys.exc_info()[0] else None
    return logging.getLogger("x").makeRecord("x", logging.INFO, "", 1, message, arguments, exc_info, extra=extra)


def test_an_event_is_one_line_without_a_complete_job_id() -> None:
    """Control characters are escaped, job ids are shortened, and unknown fields are left out."""
    hostile = record("Task %s\r\n2026 said \x1b[31m\u202e", ID, job=ID, secret="no", status=200)
    text, line = TextLine().format(hostile), json.loads(JsonLine().format(hostile))
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d INFO x: Task 01234567\\r\\n2026 said \\x1b\[31m\\u202e job=01234567 status=200", text
    )
    assert "\n" not in JsonLine().format(hostile)
    assert (line["level"], line["logger"], line["job"], line["status"]) == ("INFO", "x", "01234567", 200)
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", line["time"])
    assert "secret" not in line


def test_events_are_dropped_while_nobody_reads_them() -> None:
    """A terminal that is paused suspends no process. How many were dropped is written when somebody reads again."""
    read, write = os.pipe()
    with os.fdopen(read, "rb", 0) as log, os.fdopen(write, "w") as stream:
        console = Console(stream)
        console.setFormatter(TextLine())
        for _ in range(50):
            console.emit(record("x" * 10_000))
        written = log.read(10**6)
        console.emit(record("again"))
        assert written.count(b"INFO x: xxx") < 10
        assert re.search(rb"\n.* WARNING logs: dropped 4\d events\n.* INFO x: again\n$", log.read(10**6))


@pytest.mark.parametrize(
    ("logger", "shown"), [("greeter.jobs.service", "jobs.service"), ("greeter", "web"), ("greeters.x", "greeters.x")]
)
def test_loggers_of_ours_have_no_prefix(logger: str, shown: str) -> None:
    """The name of the package is not that of the site. Libraries keep their names."""
    event = logging.getLogger(logger).makeRecord(logger, logging.INFO, "", 1, "x", (), None)
    assert json.loads(JsonLine().format(event))["logger"] == shown
    assert f" INFO {shown}: x" in TextLine().format(event)


def test_every_event_names_its_request_and_job() -> None:
    """The ids are added to every event, those of libraries included; an event's own fields take precedence."""
    tokens = REQUEST.set("r1"), JOB.set("j1")
    line = json.loads(JsonLine().format(record("x")))
    other = json.loads(JsonLine().format(record("x", job="j2")))
    REQUEST.reset(tokens[0])
    JOB.reset(tokens[1])
    assert (line["request"], line["job"], other["job"]) == ("r1", "j1", "j2")
    assert "request" not in json.loads(JsonLine().format(record("x")))


def test_production_logs_tracebacks_without_exception_messages() -> None:
    """Messages may quote user input, so JSON has only frames and types, causes included; text has messages too."""
    try:
        try:
            int("MKVLA")
        except ValueError as error:
            raise RuntimeError("no MKVLA") from error
    except RuntimeError:
        raised = record("bug")
    traceback = json.loads(JsonLine().format(raised))["traceback"]
    assert re.search(r"test_logs.py[^@]*builtins.ValueError[^@]*test_logs.py[^@]*builtins.RuntimeError", traceback)
    assert "MKVLA'" not in traceback
    assert "no MKVLA" in TextLine().format(raised)


def _ping(depth: int) -> float:
    return _pong(depth - 1) if depth else 1 / 0


def _pong(depth: int) -> float:
    return _ping(depth)


@pytest.mark.parametrize("formatter", [JsonLine(), TextLine()])
def test_the_middle_of_a_long_traceback_is_left_out(formatter: logging.Formatter) -> None:
    """A tool can raise the limit of recursion."""
    try:
        _ping(150)
    except ZeroDivisionError:
        line = formatter.format(record("bug"))
    assert len(line) < 25_000
    assert "test_the_middle_of_a_long_traceback" in line
    assert "ZeroDivisionError" in line


@pytest.mark.slow
@pytest.mark.unmeasured
def test_the_log_follows_each_job_and_contains_no_user_input(own_installation: Installation) -> None:
    """Each event of a job is logged once, as JSON, from the request to its end, without input, secrets or whole ids."""
    site = own_installation
    site.settings = replace(site.settings, production=True, trusted_hosts=("127.0.0.1",), contact="me@your.host")
    site.start("redis", "worker", "web", "flower")

    def lines() -> list[dict[str, str]]:
        others = r"\d+:|$"  # Redis has its own format
        return [json.loads(line) for line in site.log.read_text().splitlines() if not re.match(others, line)]

    def events(job: str) -> tuple[list[str], list[str]]:
        """Return what the web has logged of a job, sorted, and what the workers have: no order between them is sure."""
        reference = job.removeprefix("/jobs/")[:8]
        found = [line["event"] for line in lines() if line.get("job") == reference and line["logger"] == "job"]
        of_web = [event for event in found if event in ("submitted", "cancel requested", "deleted")]
        return sorted(of_web), [event for event in found if event not in of_web]

    job = submit(site, "phmmer", query=">Xyzzy\nMKVLAWTRHMKVLAWTRH", evalue="0.0625", label="Plugh")
    wait_for_end(site, job)
    for path in (job, "/static/style.css", "/health/ready", "/nowhere"):
        fetch(site, path)
    bug = submit(site, "stumble")
    wait_for_end(site, bug)
    cancelled = submit(site, "diary", seconds="100")
    wait_for(lambda: events(cancelled)[1])
    post(site, cancelled + "/cancel")
    wait_for_end(site, cancelled)
    killed = submit(site, "diary", seconds="100")
    wait_for(lambda: events(killed)[1])
    site.signal("worker", signal.SIGTERM)
    wait_for(lambda: site.redis.zcard("queue:celery"))
    site.stop("worker")
    let_jobs_end(site)
    site.start("worker")
    wait_for_end(site, killed)
    assert post(site, job + "/delete").status == 200
    site.stop("web", "worker", "flower")  # now they have logged everything

    text, logged = site.log.read_text(), lines()
    loggers = {line["logger"] for line in logged}
    assert {"gunicorn.error", "celery.apps.worker", "kombu.mixins"} < loggers  # the last is Flower
    for secret in ("Xyzzy", "MKVLAW", "Plugh", "0.0625", "ZeroDivisionError: ", "secret%20", "sesame"):
        assert secret not in text
    for job_id in (job, bug, cancelled, killed):
        assert job_id.removeprefix("/jobs/") not in text

    assert events(job) == (["deleted", "submitted"], ["started", "ended"])
    assert events(bug) == (["submitted"], ["started", "ended"])
    assert events(cancelled) == (["cancel requested", "submitted"], ["started", "ended"])
    assert events(killed) == (["submitted"], ["started", "requeued without counting the attempt", "started", "ended"])
    ends = {line["job"]: line for line in logged if line["event"] == "ended"}
    assert {end["state"] for end in ends.values()} == {"finished", "failed", "cancelled"}
    assert all("seconds" in end and "tool" in end for end in ends.values())

    requests = [line for line in logged if line["logger"] == "request"]
    assert {line["route"] for line in requests} == {
        "/tools/<name>",
        "/jobs/<job_id:job_id>",
        "/jobs/<job_id:job_id>/cancel",
        "/jobs/<job_id:job_id>/delete",
        "none",
    }
    of_killed = {line["request"] for line in logged if line.get("job") == killed.removeprefix("/jobs/")[:8]}
    assert len(of_killed) == 1, "a requeued job keeps its request id"
    assert of_killed < {line["request"] for line in requests}
    (trace,) = [line for line in logged if line["event"] == "bug in the tool stumble"]
    assert trace["job"] == bug.removeprefix("/jobs/")[:8]
    assert "misbehaving.py" in trace["traceback"]
