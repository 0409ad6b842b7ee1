"""The first run of `make`, the lock files and the linters."""

import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
import yaml

from greeter.version import RELEASED, __version__
from tests.conftest import ROOT


def make_env(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `make .env` in a folder that contains only the files it needs."""
    folder.mkdir()
    for name in ("Makefile", ".env.example"):
        shutil.copy(ROOT / name, folder)
    return subprocess.run(["make", ".env", *arguments], cwd=folder, capture_output=True, text=True, check=False)


def test_make_env_generates_private_random_secrets(tmp_path: Path) -> None:
    """Each copy gets its own secrets, only its owner can read the file, and a later run keeps it."""
    secrets = []
    for name in ("one", "two"):
        assert make_env(tmp_path / name).returncode == 0
        env = tmp_path / name / ".env"
        lines = [line for line in env.read_text().splitlines() if not line.startswith("#")]
        assert not any("change-me" in line for line in lines)
        assert stat.S_IMODE(env.stat().st_mode) == 0o600
        secrets += [line for line in lines if line.startswith(("REDIS_URL", "FLOWER_BASIC_AUTH"))]
        subprocess.run(["make", ".env"], cwd=env.parent, check=True, capture_output=True)
        assert secrets[-1] in env.read_text()
    assert len(set(secrets)) == 4


def test_a_failed_make_env_leaves_no_file(tmp_path: Path) -> None:
    """Otherwise the next run would start with the published default secrets."""
    assert make_env(tmp_path / "none", "PYTHON=no-such-python").returncode != 0
    assert not (tmp_path / "none/.env").exists()


def test_make_setup_installs_everything_and_starts_nothing(tmp_path: Path) -> None:
    """It is for those who want to run the tests or linters only."""
    for name in ("Makefile", ".env.example", "requirements-dev.txt"):
        shutil.copy(ROOT / name, tmp_path)
    command = ["make", "--dry-run", "setup"]
    commands = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert "-m venv .venv" in commands
    assert "--require-hashes -r requirements-dev.txt" in commands
    assert ".env.example" in commands
    assert "honcho" not in commands


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_every_pinned_package_has_hashes(name: str) -> None:
    """Both lock files can be installed with `pip install --require-hashes`."""
    pins = re.findall(r"^[\w.-]+==.*(?:\n    --hash=sha256:[0-9a-f]{64}.*)*", (ROOT / f"{name}.txt").read_text(), re.M)
    assert pins
    for pin in pins:
        assert "--hash=" in pin, pin


def test_the_development_lock_has_the_packages_that_run() -> None:
    """The tests use what is deployed, in the same versions."""
    run, dev = (
        set(re.findall(r"^[\w.-]+==\S+", (ROOT / name).read_text(), re.M))
        for name in ("requirements.txt", "requirements-dev.txt")
    )
    assert run < dev


def test_the_changelog_has_a_section_for_this_version() -> None:
    """The section has the date that the front page shows, and is below the one for what is not released yet."""
    headings = re.findall(r"^## (.*)", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert headings[0] == "[Unreleased]"
    assert headings[1] == f"[{__version__}] - {RELEASED}"


def test_pre_commit_runs_the_linters_of_make_lint() -> None:
    """The hooks are the commands of `make lint`, in the same order, from .venv, so in the versions of the lock."""
    makefile = (ROOT / "Makefile").read_text()
    (recipe,) = re.findall(r"^lint:.*\n((?:\t.*\n)+)", makefile, re.M)
    programs = re.findall(r"^\t\$\(BIN\)/(\S+(?: format| check)?)", recipe, re.M)
    targets = re.findall(r"--no-print-directory (.*)", recipe)[0].split()
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    entries = [
        re.match(r"\.venv/bin/(\S+(?: format| check)?)|make --no-print-directory (\w+)", h["entry"]) for h in hooks
    ]
    assert [entry[1] or entry[2] for entry in entries] == [*programs, *targets]
    assert {hook["language"] for hook in hooks} == {"system"}
