"""Folders in which a program may have written anything."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from greeter.jobs.files.attempts import Attempts
from greeter.jobs.files.folders import JobFiles
from greeter.jobs.files.trees import remove, sync_tree, walk
from tests.conftest import ROOT

REMOVE = """
import os, pathlib, tempfile
from greeter.jobs.files.trees import remove
if os.getuid() == 0:
    os.chdir("/")
    os.setuid(65534)
root = pathlib.Path(tempfile.mkdtemp())
for name, mode in (("a", 0), ("b", 0o500)):
    (root / name / "x").mkdir(parents=True)
    (root / name).chmod(mode)
remove(root)
print(root.exists())
"""


USE = """
import os, pathlib, tempfile
from greeter.jobs.files.attempts import Attempts
from greeter.jobs.files.folders import JobFiles
from greeter.jobs.files.result_files import result_files
if os.getuid() == 0:
    os.chdir("/")
    os.setuid(65534)
files = JobFiles(pathlib.Path(tempfile.mkdtemp()))
files.create("job", {"query": pathlib.Path(os.devnull)})
attempt = files.attempt("job", 1)
(attempt / "outputs").mkdir(parents=True)
for name in ("commands", "outputs/hits.tsv"):
    (attempt / name).write_text("text")
    (attempt / name).chmod(0)
for folder in (attempt / "outputs", attempt, attempt.parent):
    folder.chmod(0)
    print(result_files(files, "job", 1), repr(files.commands("job", 1)))
for path in (files.folder("job", "inputs", "query"), files.folder("job", "inputs"), files.folder("job")):
    path.chmod(0)
    print(files.inputs("job"), files.has_inputs("job", {"query": ""}), result_files(files, "job", 1))
attempts = Attempts(files)
print(attempts.has_files("job", 1))
attempts.sync("job")
print([path.read_text() for path in files.outputs("job", 1)], files.commands("job", 1))
files.remove("job")
"""


def burrow(folder: Path, name: str, depth: int) -> None:
    """Create folders, each in the one before, at any depth: a path may have only 4,096 characters."""
    at = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir(name, dir_fd=at)
        inner = os.open(name, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = inner
    os.close(at)


@pytest.mark.parametrize(("name", "depth", "found"), [("a", 1200, 1200), ("long" * 40, 100, 20)])
def test_any_depth_is_measured_and_removed(tmp_path: Path, name: str, depth: int, found: int) -> None:
    """Neither the depth of Python's stack nor the longest path is a limit for what is removed."""
    files = JobFiles(tmp_path / "jobs")
    files.create("job", {})
    burrow(files.attempt("job", 0), name, depth)
    assert files.size("job") > found * 4096
    sync_tree(files.folder("job"))
    files.remove("job")
    assert [Path(found) for found in walk(tmp_path)] == [tmp_path / "jobs"]


def run_as_another_user(code: str) -> str:
    """Return what some code prints. Root would need no permissions."""
    environ = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], "TMPDIR": "/tmp"}
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environ, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_a_folder_without_permissions_is_removed() -> None:
    """Programs write such folders, for example as caches."""
    assert run_as_another_user(REMOVE) == "False\n"


def test_files_without_permissions_are_results_after_the_attempt() -> None:
    """Before, or if the job fails, there are none and no input, but its page can be shown."""
    assert run_as_another_user(USE) == "[] ''\n" * 3 + "{} False []\n" * 3 + "True\n['text'] text\n"


def test_removing_a_missing_folder_is_no_error(tmp_path: Path) -> None:
    """Two workers may remove the same folder."""
    remove(tmp_path / "gone")
    assert list(walk(tmp_path / "gone")) == []


def test_a_link_in_the_place_of_a_folder_is_removed_alone(tmp_path: Path) -> None:
    """A tool may have replaced the folder of its attempt, or one in it. What the link names is not touched."""
    files = JobFiles(tmp_path / "jobs")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o500)
    (elsewhere / "kept").touch()
    files.create("job", {})
    files.attempt("job", 1).symlink_to(elsewhere)
    files.attempt("job", 2).mkdir()
    (files.attempt("job", 2) / "outputs").symlink_to(elsewhere)
    files.attempt("job", 3).touch()
    Attempts(files).remove("job", 3)
    assert not list(files.attempt("job", 1).parent.iterdir())
    files.remove_set_aside()
    files.folder("link").symlink_to(elsewhere)
    files.remove("link")
    files.remove("job")
    assert not list(files.root.iterdir())
    assert (list(elsewhere.iterdir()), elsewhere.stat().st_mode & 0o777) == ([elsewhere / "kept"], 0o500)
