"""Tests of how often a job is read and its fragment rendered for its viewers."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from flask import Flask, template_rendered

from greeter import create_app
from greeter.jobs.runner import Runner
from greeter.web import poll_cache
from greeter.web.poll_cache import CACHE_SECONDS
from tests.conftest import Installation, wait_for

pytestmark = pytest.mark.redis


@contextmanager
def renderings(app: Flask) -> Iterator[list[str | None]]:
    """Collect the names of the templates that are rendered."""
    names: list[str | None] = []

    def add(_: Flask, template: object, **__: object) -> None:
        names.append(getattr(template, "name", None))

    with template_rendered.connected_to(add, app):
        yield names


def test_one_rendering_serves_all_who_watch_a_job(with_redis: Installation) -> None:
    """Until the job changes, or for another path of the site, or once it has ended."""
    store, job_id = with_redis.store, with_redis.submit("nap")
    with_redis.redis.hincrbyfloat(f"job:{job_id}", "submitted", -3610)  # its page counts minutes
    app, path = create_app(with_redis.settings), f"/jobs/{job_id}/progress"
    with renderings(app) as rendered:
        first = app.test_client().get(path)
        second = app.test_client().get(path)
        assert (first.text, first.headers["HX-PTag"]) == (second.text, second.headers["HX-PTag"])
        assert len(rendered) == 1
        below = app.test_client().get(path, base_url="http://localhost/below")
        assert (len(rendered), f'hx-get="/below{path}"' in below.text) == (2, True)
        store.runs.claim(job_id, Runner("worker", 1), {})
        store.runs.report_progress(
            job_id, Runner("worker", 1), {"current": 3, "total": 9, "unit": "step", "seconds": 1}
        )
        time.sleep(CACHE_SECONDS)
        third = app.test_client().get(path)
        assert (len(rendered), "3 of 9 steps" in third.text) == (3, True)
        store.runs.update(job_id, Runner("worker", 1), "SUCCESS", {"result": "{}"})
        time.sleep(CACHE_SECONDS)
        tokens = [app.test_client().get(path).text for _ in range(2)]
        assert len(rendered) == 5
        assert tokens[0] != tokens[1]  # each has a token of its own, so that each can submit the job again


def reading_calls(installation: Installation, poll: Callable[[], object]) -> tuple[int, int]:
    """Return how often a poll calls a script of Redis, and how many jobs the scripts read."""

    def counts() -> list[int]:
        statistics = installation.redis.info("commandstats")
        return [statistics.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("evalsha", "hmget")]

    before = counts()
    poll()
    calls, read = (now - then for now, then in zip(counts(), before, strict=True))
    return calls, read


def test_one_call_reads_all_jobs_that_are_due(with_redis: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those polled a second before: not one whose viewer has left, nor one for which another viewer has just asked."""
    first, second, third = (with_redis.submit("nap") for _ in range(3))
    client = create_app(with_redis.settings).test_client()
    seconds = 990.0
    monkeypatch.setattr(poll_cache, "monotonic", lambda: seconds)
    client.get(f"/jobs/{first}/progress")  # loads the script
    seconds = 1000.0

    def poll(job_id: str) -> tuple[int, int]:
        return reading_calls(with_redis, lambda: statuses.append(client.get(f"/jobs/{job_id}/progress").status_code))

    statuses: list[int] = []
    assert [poll(job_id) for job_id in (first, second, third, first)] == [(1, 1), (1, 1), (1, 1), (0, 0)]
    seconds += 1
    assert [poll(job_id) for job_id in (second, first)] == [(1, 3), (0, 0)]
    seconds += CACHE_SECONDS + 0.05
    assert poll(first) == (1, 1)
    seconds += 0.83  # earlier than one is expected, and later than the other
    with_redis.store.cancel(second)
    with_redis.store.delete(second)
    assert [poll(job_id) for job_id in (first, second)] == [(1, 2), (1, 1)]
    assert statuses == [200] * 8 + [404]


def test_a_job_is_read_ahead_once(with_redis: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a proxy, another process may get its next poll."""
    first, second, third = (with_redis.submit("nap") for _ in range(3))
    client = create_app(with_redis.settings).test_client()
    read = []
    for job_id, seconds in ((third, 990.0), (second, 1000.0), (first, 1000.19), (second, 1001.0), (third, 1001.35)):
        monkeypatch.setattr(poll_cache, "monotonic", partial(float, seconds))
        read.append(reading_calls(with_redis, partial(client.get, f"/jobs/{job_id}/progress")))
    assert read[1:] == [(1, 1), (1, 1), (1, 2), (1, 1)]


def test_a_poll_of_a_job_that_does_not_exist_changes_no_other(
    with_redis: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever else is due at the same time."""
    job_id, seconds = with_redis.submit("nap"), 1000.05
    client = create_app(with_redis.settings).test_client()
    monkeypatch.setattr(poll_cache, "monotonic", lambda: seconds)
    for _ in range(2):
        seconds += 1
        polled = {one: client.get(f"/jobs/{one}/progress") for one in ("0" * 32, "sample-missing", job_id)}
        assert [answer.status_code for answer in polled.values()] == [404, 404, 200]


def test_one_reading_serves_polls_that_arrive_together(with_redis: Installation) -> None:
    """But not those that come later, nor the page, nor scripts that ask for the state."""
    store, job_id = with_redis.store, with_redis.submit("nap")
    app, path = create_app(with_redis.settings), f"/jobs/{job_id}"
    client = app.test_client()
    wait_for(lambda: not reading_calls(with_redis, lambda: client.get(f"{path}/progress"))[0])
    store.cancel(job_id)
    assert "<title>Cancelled - " in client.get(path).text
    assert client.get(f"{path}.json").json["phase"] == "cancelled"
    time.sleep(CACHE_SECONDS)
    assert "<title>Cancelled - " in client.get(f"{path}/progress").text
    store.delete(job_id)
    time.sleep(CACHE_SECONDS)
    assert client.get(f"{path}/progress").status_code == 404
