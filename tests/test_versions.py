"""Processes of two versions of the code in one installation, as during an update."""

import re
import shutil
from pathlib import Path

import pytest

from greeter.jobs.failures import TOOL_CHANGED
from tests.conftest import PATIENCE, ROOT, Installation, wait_for
from tests.http import fetch, post, submit, wait_for_end
from tests.test_recovery import let_jobs_end

pytestmark = [pytest.mark.slow, pytest.mark.unmeasured]

TOOL = '''
"""A tool of one version of the code."""

import time

from wtforms import Form, StringField

from greeter.toolkit import Job, tool


class Fields(Form):
    {fields}


@tool("A tool", form=Fields)
def {name}(job: Job, {parameters}) -> dict[str, object]:
    """Return the version and the parameters."""
    values = locals()
    while seconds == "many" and not (job.folder.parents[3] / "enough").exists():
        time.sleep(0.1)
    return {{name: values[name] for name in Fields()._fields}} | {{"version": "{version}"}}
'''


def write_version(folder: Path, **tools: list[str]) -> Path:
    """Write a complete copy of the code that has more tools with these parameters, and return its folder."""
    shutil.copytree(ROOT / "greeter", folder / "greeter", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("wsgi.py", "gunicorn.conf.py", "templates", "static"):
        (folder / name).symlink_to(ROOT / name)
    for name, parameters in tools.items():
        fields = "; ".join(f"{parameter} = StringField()" for parameter in parameters)
        code = TOOL.format(name=name, fields=fields, parameters=", ".join(parameters), version=folder.name)
        (folder / f"greeter/tools/{name}.py").write_text(code)
    scripts = folder / "greeter/jobs/records/scripts.py"
    scripts.write_text(scripts.read_text().replace("_PATIENCE = 1 ", f"_PATIENCE = {PATIENCE} "))  # as in the tests
    return folder


@pytest.fixture
def site(own_installation: Installation, tmp_path: Path) -> Installation:
    """An old version, and a new one in which `search` has another parameter, and `added` is new.

    Redis is running; the names of the other processes end in -before and -after.
    """
    before = write_version(tmp_path / "before", search=["query", "seconds"])
    after = write_version(tmp_path / "after", search=["query", "seconds", "cutoff"], added=["seconds"])
    for kind in ("worker", "web"):
        own_installation.code |= {f"{kind}-before": before, f"{kind}-after": after}
    own_installation.start("redis")
    return own_installation


def search(site: Installation, seconds: str = "0", **more: str) -> str:
    """Submit a search with the form of the web that is running, and return the path of the job."""
    return submit(site, "search", query="globin", seconds=seconds, **more)


def result(site: Installation, job: str) -> dict[str, object]:
    """Wait for the end of a job, and return its result, or its user message."""
    record = site.ended(job.removeprefix("/jobs/"))
    return dict(record.result or {}) if record.has_result else {"failed": record.user_message}


OLD = {"version": "before", "query": "globin", "seconds": "0"}
NEW = {"version": "after", "query": "globin", "seconds": "0", "cutoff": "9"}


def test_the_update_without_interruption_loses_no_job(site: Installation) -> None:
    """In the order of deploy/README.md, every job runs once, on a worker that has its version of the tool."""
    site.start("worker-before", "web-before")
    site.start("worker-after")
    jobs = [search(site) for _ in range(6)]
    assert [result(site, job) for job in jobs] == [OLD] * 6
    long = search(site, "many")
    wait_for(lambda: "Running" in fetch(site, long).body)

    site.stop("web-before")
    site.start("web-after")
    waiting = [search(site, cutoff="9") for _ in range(4)] + [submit(site, "added", seconds="0") for _ in range(4)]
    assert [result(site, job)["version"] for job in waiting] == ["after"] * 8

    site.celery.control.broadcast("drain", destination=["worker-before@test"], reply=True)
    jobs = [search(site, cutoff="9") for _ in range(4)]
    assert [result(site, job) for job in jobs] == [NEW] * 4
    let_jobs_end(site)
    assert result(site, long) == OLD | {"seconds": "many"}
    site.stop("worker-before")
    assert result(site, search(site, cutoff="9")) == NEW


@pytest.mark.silence
def test_a_restart_of_everything_loses_no_job(site: Installation) -> None:
    """A waiting job whose tool has changed fails, and its input can be submitted again. Others run."""
    site.start("web-before")
    changed, same = search(site), submit(site, "expensive_greet", person="Ada", total="1")
    site.stop("web-before")
    site.start("worker-after", "web-after")
    assert result(site, same) == {"greeting": "Greetings, Ada!"}
    assert result(site, changed) == {"failed": TOOL_CHANGED}
    page = fetch(site, changed).body
    assert "Edit and run again" in page
    assert ">Run again<" not in page
    assert post(site, changed + "/again").headers["Location"] == changed + "/edit"
    form = fetch(site, changed + "/edit").body
    assert 'value="globin"' in form
    (token,) = re.findall('name="token" value="([^"]+)"', form)
    assert result(site, search(site, cutoff="9", token=token)) == NEW
    assert "Finished" in wait_for_end(site, same)


@pytest.mark.silence
def test_a_job_for_a_new_version_waits_for_its_worker(site: Installation) -> None:
    """If the web is updated first, the old workers leave the job to a new one, or fail it after SILENCE_LIMIT."""
    site.start("worker-before", "web-after")
    assert result(site, search(site, cutoff="9")) == {"failed": TOOL_CHANGED}
    site.start("worker-after")
    wait_for(lambda: site.workers() == 2)  # before the jobs wait for a worker that has their version
    jobs = [search(site, cutoff="9") for _ in range(4)]
    assert [result(site, job) for job in jobs] == [NEW] * 4


def test_a_job_without_a_signature_runs(site: Installation) -> None:
    """As those that greeter 0.2.0 stored. A worker without the tool leaves it to one that has it."""
    site.start("web-after")
    jobs = [submit(site, "added", seconds="0") for _ in range(6)]
    for job in jobs:
        assert site.redis.hdel(job.replace("/jobs/", "job:"), "signature")
    site.start("worker-before", "worker-after")
    assert [result(site, job)["version"] for job in jobs] == ["after"] * 6
