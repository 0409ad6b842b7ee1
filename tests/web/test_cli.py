"""Tests of the operator's commands; tests/test_settings.py covers their refusal of bad settings."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest

from greeter import create_app
from tests.conftest import ROOT, Installation


def selftest(installation: Installation, *options: str) -> tuple[int, list[str]]:
    """Run `flask selftest` with the installation's settings, and return its exit status and lines of output."""
    ended = subprocess.run(
        [Path(sys.executable).parent / "flask", "selftest", *options],
        env=os.environ | installation.environ,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    return ended.returncode, ended.stdout.splitlines()


@pytest.mark.slow
def test_selftest_compares_each_tool_with_its_sample(own_installation: Installation) -> None:
    """Examples run through Redis and a worker, failing tools are named, and no job is left over in either case."""
    own_installation.start("redis", "worker")
    status, lines = selftest(own_installation)
    assert status == 0, lines
    samples = {"expensive_greet: same result as the sample", "phmmer: same result as the sample"}
    assert samples <= {line.partition(",")[0] for line in lines}
    app = create_app(own_installation.settings)
    tried = app.extensions["greeter"].tools
    other = dataclasses.replace(tried["expensive_greet"], example={"person": "Bob", "total": 1})
    failing, needy = tried["blame"], tried["needy"]
    tried.clear()
    tried |= {"expensive_greet": other, "blame": failing, "needy": needy}
    result = app.test_cli_runner().invoke(args=["selftest"])
    assert result.exit_code == 1
    assert "expensive_greet: result differs from the sample" in result.output
    assert "blame: failed: search the log for " in result.output
    assert "needy: skipped. This tool is not available" in result.output
    assert not list((own_installation.settings.data_dir / "jobs").glob("[!.]*"))
    assert own_installation.redis.zcard("jobs:ended") == 0


@pytest.mark.parametrize(
    ("up", "reason"),
    [
        (False, "expensive_greet: ConnectionError: check /health/ready"),
        pytest.param(True, "phmmer: still waiting, with 0 workers", marks=pytest.mark.slow),
    ],
    ids=["without Redis", "without a worker"],
)
def test_selftest_fails_without_redis_or_a_worker(request: pytest.FixtureRequest, up: bool, reason: str) -> None:
    """The output gives the reason, the exit status is 1, and no job is left over."""
    site: Installation = request.getfixturevalue("with_redis" if up else "own_installation")
    app = create_app(site.settings)
    tried = app.extensions["greeter"].tools
    for name in set(tried) - {"expensive_greet", "phmmer"}:
        del tried[name]
    ended = app.test_cli_runner().invoke(args=["selftest", "--seconds", "1"])
    assert ended.exit_code == 1
    assert [line for line in ended.output.splitlines() if line.startswith(reason)]
    assert not up or site.redis.zcard("queue:celery") == site.redis.zcard("jobs:ended") == 0
