"""Pages of jobs while DATA_DIR cannot be read: no job seems to be deleted, and no page blames a bug."""

import errno
import os
from typing import Any

import pytest
from flask.testing import FlaskClient

from greeter import create_app
from greeter.jobs.runner import Runner
from tests.conftest import Installation

pytestmark = pytest.mark.redis


@pytest.fixture
def job(with_redis: Installation) -> str:
    """The id of a finished job with a result file."""
    store, runner = with_redis.store, Runner("worker", 1)
    assert not with_redis.jobs.fitness.problem()
    job_id = with_redis.submit("nap")
    claim = store.runs.claim(job_id, runner, {})
    assert claim
    (claim.folder / "outputs").mkdir(parents=True)
    (claim.folder / "outputs/table.txt").write_text("1")
    store.runs.update(job_id, runner, "SUCCESS", {"result": "{}"})
    return job_id


@pytest.fixture
def client(with_redis: Installation) -> FlaskClient:
    """A client of the web."""
    return create_app(with_redis.settings).test_client()


def statuses(client: FlaskClient, job: str) -> set[int]:
    """Return the statuses of all pages of a job that need its files."""
    pages = [f"/jobs/{job}{end}" for end in ("", "/progress", "/edit", "/files/table.txt", "/job.zip")]
    found = set()
    for path in [*pages, f"/api/v1/jobs/{job}/results"]:
        with client.get(path) as response:
            found.add(response.status_code)
    return found


def test_the_pages_of_a_job_are_unavailable_while_its_disk_is_not_mounted(
    with_redis: Installation, client: FlaskClient, job: str
) -> None:
    """If only the folder of the job is lost, as after an older backup was restored, its page has the result."""
    root = with_redis.store.files.root
    assert statuses(client, job) == {200}
    mounted = root.rename(with_redis.settings.data_dir / "mounted")
    assert statuses(client, job) == {503}
    mounted.rename(root)
    assert statuses(client, job) == {200}
    with_redis.store.files.remove(job)
    assert client.get(f"/jobs/{job}").status_code == 200
    assert client.get(f"/jobs/{job}/files/table.txt").status_code == 404


def test_the_pages_of_a_job_are_unavailable_while_its_disk_has_errors(
    client: FlaskClient, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other pages work, and the log has the reason."""

    def fail(*args: Any, **kwargs: Any) -> Any:
        raise OSError(errno.EIO, "Input/output error")

    for name in ("scandir", "listdir"):
        monkeypatch.setattr(os, name, fail)
    assert statuses(client, job) == {503}
    assert client.get("/").status_code == 200


@pytest.mark.parametrize(("number", "status"), [(errno.ESTALE, 503), (errno.EMFILE, 503), (errno.EPERM, 500)])
def test_an_error_that_is_not_of_a_disk_is_a_bug(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, number: int, status: int
) -> None:
    """Trying again would not help, so the page has a reference."""

    def fail() -> Any:
        raise OSError(number, os.strerror(number))

    monkeypatch.setitem(client.application.view_functions, "pages.index", fail)
    page = client.get("/")
    assert (page.status_code, "Retry-After" in page.headers) == (status, status == 503)
