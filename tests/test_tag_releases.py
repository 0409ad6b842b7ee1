"""The script that tags the releases of the changelog."""

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / ".ci" / "tag-releases"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Make a repository that has the script and no commit."""
    git(tmp_path, "init", "--quiet")
    (tmp_path / ".ci").mkdir()
    shutil.copy(SCRIPT, tmp_path / ".ci")
    return tmp_path


def git(repository: Path, *arguments: str) -> str:
    """Run git in the repository and return what it prints."""
    author = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    return subprocess.run(
        ["git", *author, *arguments], cwd=repository, check=True, capture_output=True, text=True
    ).stdout


def commit(repository: Path, *headings: str) -> str:
    """Commit a changelog with these headings, newest last, and return the commit."""
    (repository / "CHANGELOG.md").write_text("\n".join(f"## {heading}\n" for heading in reversed(headings)))
    git(repository, "add", "CHANGELOG.md")
    git(repository, "commit", "--quiet", "--message", headings[-1])
    return git(repository, "rev-parse", "HEAD")


def tag_releases(repository: Path) -> list[str]:
    """Run the script and return the tags that it made."""
    command = [repository / ".ci" / "tag-releases"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def test_each_release_is_tagged_at_the_commit_that_added_its_heading(repository: Path) -> None:
    """Commits before and after a release do not get its tag."""
    commit(repository, "[Unreleased]")
    first = commit(repository, "[0.2.0] - 2026-11-24")
    second = commit(repository, "[0.2.0] - 2026-11-24", "[0.3.0] - 2026-11-30")
    commit(repository, "[0.2.0] - 2026-11-24", "[0.3.0] - 2026-11-30", "[Unreleased]")
    assert tag_releases(repository) == ["v0.3.0", "v0.2.0"]
    assert git(repository, "rev-parse", "v0.2.0^{commit}") == first
    assert git(repository, "rev-parse", "v0.3.0^{commit}") == second
    assert git(repository, "describe").startswith("v0.3.0-1-")


def test_a_tag_that_exists_stays_where_it_is(repository: Path) -> None:
    """A release that was tagged by hand keeps its tag."""
    older = commit(repository, "[Unreleased]")
    git(repository, "tag", "v0.2.0")
    commit(repository, "[0.2.0] - 2026-11-24")
    assert tag_releases(repository) == []
    assert git(repository, "rev-parse", "v0.2.0") == older
