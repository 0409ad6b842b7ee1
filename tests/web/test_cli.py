"""The commands for whoever operates the site; that they refuse bad settings is in tests/test_settings.py."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest

from greeter import create_app
from tests.conftest import ROOT, Installation


def selftest(installation: Installation, *options: str) -> tuple[int, list[str]]:
    """Run the command with the tools of the site, and return its status and what it said."""
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
def test_the_example_of_each_tool_gives_its_known_result(own_installation: Installation) -> None:
    """Through Redis and a worker; a tool that gives another, or fails, is named; nothing is left either way."""
    own_installation.start("redis", "worker")
    status, said = selftest(own_installation)
    assert status == 0, said
    assert [line.partition(",")[0] for line in said] == ["expensive_greet: as the sample", "phmmer: as the sample"]
    app = create_app(own_installation.settings)
    tried = app.extensions["greeter"].tools
    other = dataclasses.replace(tried["expensive_greet"], example={"person": "Bob", "total": 1})
    failing = tried["blame"]
    tried.clear()
    tried |= {"expensive_greet": other, "blame": failing}
    result = app.test_cli_runner().invoke(args=["selftest"])
    assert result.exit_code == 1
    assert "expensive_greet: another result than the sample's" in result.output
    assert "blame: failed: look into the log for " in result.output
    assert not list((own_installation.settings.data_dir / "jobs").iterdir())
    assert own_installation.redis.zcard("jobs:ended") == 0


@pytest.mark.redis
def test_without_a_worker_or_redis_it_says_so(own_installation: Installation) -> None:
    """And ends, with another status."""
    status, said = selftest(own_installation)
    assert (status, len(said)) == (1, 2)
    assert "expensive_greet: ConnectionError: ask /health/ready" in said[0]
    own_installation.start("redis")
    status, said = selftest(own_installation, "--seconds", "1")
    assert (status, len(said)) == (1, 2)
    assert "phmmer: still waiting, with 0 workers" in said[1]
    assert own_installation.redis.zcard("jobs:waiting") == own_installation.redis.zcard("jobs:ended") == 0
