"""Tests of `make .env`, which the first run of `make` does."""

import shutil
import stat
import subprocess
from pathlib import Path

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
