"""Tools whose programs may be missing."""

import re
from html import unescape

import pytest
from flask.testing import FlaskClient

from greeter import create_app
from tests.conftest import Installation

MISSING = "This tool is not available at the moment, because no-such-program is not installed."


def card(client: FlaskClient, tool: str) -> str:
    """Return the entry of a tool on the front page."""
    return re.search(rf'<li[^>]*>\s*<h2><a href="/tools/{tool}">.*?</li>', unescape(client.get("/").text), re.DOTALL)[0]


def client_of(installation: Installation, *announced: str) -> FlaskClient:
    """Return a client of a new application, after a worker has announced its tools."""
    if announced:
        installation.store.upkeep.worker_heartbeat("worker", ["celery"], announced, [])
    return create_app(installation.settings).test_client()


@pytest.mark.redis
def test_a_tool_without_its_program_is_shown_but_refused(with_redis: Installation) -> None:
    """The card and the form name the program, and the form is disabled. Other tools work."""
    client = client_of(with_redis)
    assert MISSING in card(client, "needy")
    assert 'class="unavailable"' in card(client, "needy")
    page = client.get("/tools/needy").text
    assert (MISSING in page, "<fieldset disabled>" in page) == (True, True)
    refused = client.post("/tools/needy")
    assert (refused.status_code, refused.text.count(MISSING)) == (503, 1)
    assert "Retry-After" in refused.headers
    assert not any(queue.waiting for queue in with_redis.store.statistics().queues.values())
    assert "unavailable" not in card(client, "expensive_greet")
    assert "<fieldset>" in client.get("/tools/expensive_greet").text
    assert client.post("/tools/expensive_greet", data={"person": "Ada", "total": "1"}).status_code == 303


@pytest.mark.redis
def test_the_programs_of_the_workers_decide(with_redis: Installation) -> None:
    """They may be on other machines than the web."""
    client = client_of(with_redis, "needy", "expensive_greet")
    assert "unavailable" not in card(client, "needy")
    assert client.post("/tools/needy").status_code == 303
    assert "because no worker that has sh is running. Try again in a minute" in card(client, "equipped")
    assert client.post("/tools/equipped").status_code == 503


def test_without_workers_the_programs_of_the_web_decide(client: FlaskClient) -> None:
    """The front page works without Redis."""
    assert MISSING in card(client, "needy")
    assert "unavailable" not in card(client, "equipped")
    assert client.get("/tools/equipped").status_code == 200


@pytest.mark.slow
def test_a_job_runs_on_the_worker_that_has_its_program(own_installation: Installation) -> None:
    """The worker without it starts, says what is missing, and leaves the jobs to the other."""
    own_installation.start("redis", "worker")
    assert "needy is left out: install no-such-program" in own_installation.log.read_text()
    own_installation.more_environ["worker"] = {"NEEDED": "bash", "JOB_CORES": "3"}
    own_installation.start("worker-2")
    for job in [own_installation.submit("needy") for _ in range(4)]:
        assert own_installation.ended(job).result == {"cores": 3}
        assert own_installation.store.provenance(job).versions["bash"].startswith("GNU bash, version")
