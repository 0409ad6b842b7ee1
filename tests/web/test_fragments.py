"""Tests of how often a job is read and its fragment rendered for its viewers."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask, template_rendered

from greeter import create_app
from greeter.jobs.runner import Runner
from greeter.web.jobs import READING_SECONDS
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
        store.claim(job_id, Runner("worker", 1), {})
        store.report_progress(job_id, Runner("worker", 1), {"current": 3, "total": 9, "unit": "step", "seconds": 1})
        time.sleep(READING_SECONDS)
        third = app.test_client().get(path)
        assert (len(rendered), "3 of 9 steps" in third.text) == (3, True)
        store.update(job_id, Runner("worker", 1), "SUCCESS", {"result": "{}"})
        time.sleep(READING_SECONDS)
        tokens = [app.test_client().get(path).text for _ in range(2)]
        assert len(rendered) == 5
        assert tokens[0] != tokens[1]  # each has a token of its own, so that each can submit the job again


def test_one_reading_serves_polls_that_arrive_together(with_redis: Installation) -> None:
    """But not those that come later, nor the page, nor scripts that ask for the state."""
    store, job_id = with_redis.store, with_redis.submit("nap")
    app, path = create_app(with_redis.settings), f"/jobs/{job_id}"
    client, readings = app.test_client(), app.extensions["readings"]
    wait_for(lambda: client.get(f"{path}/progress") and readings.cache_info().hits)
    store.cancel(job_id)
    assert "<title>Cancelled - " in client.get(path).text
    assert client.get(f"{path}.json").json["phase"] == "cancelled"
    time.sleep(READING_SECONDS)
    assert "<title>Cancelled - " in client.get(f"{path}/progress").text
    store.delete(job_id)
    time.sleep(READING_SECONDS)
    assert client.get(f"{path}/progress").status_code == 404
