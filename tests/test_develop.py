"""Developing a tool: `make dev`, with changes to a copy of the project while it runs."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace as replace_settings
from pathlib import Path

import psutil
import pytest

from tests.conftest import ROOT, Installation, wait_for
from tests.test_stack import answer, worker_of

NEEDED = ["greeter", "templates", "static", "wsgi.py", "gunicorn.conf.py", "flowerconfig.py", "Procfile.dev"]
SHOUT = '''"""Shout."""

from wtforms import Form, StringField

from greeter.toolkit import tool


class ShoutForm(Form):
    word = StringField("A word")


@tool("Shouting", form=ShoutForm)
def shout(job, word):
    """Say a word loudly."""
    return {"loud": word.upper()}
'''
UNMEASURED = os.environ | {"COVERAGE_PROCESS_CONFIG": ""}  # coverage is that of the project, not of a copy


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the files that `make dev` needs."""
    folder = tmp_path / "copy"
    folder.mkdir()
    for name in NEEDED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder)
    return folder


@contextmanager
def make_dev(copy: Path, installation: Installation) -> Iterator[subprocess.Popen[bytes]]:
    """Run what `make dev` runs, and end it and all its processes."""
    (copy / ".env").write_text("".join(f"{name}={value}\n" for name, value in installation.environ.items()))
    environ = UNMEASURED | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    command = [sys.executable, "-m", "honcho", "--procfile", "Procfile.dev", "start"]
    with installation.log.open("ab") as log:
        process = subprocess.Popen(command, cwd=copy, env=environ, stdout=log, stderr=log)
    try:
        yield process
    finally:
        left = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        process.kill()
        process.wait()
        for one in left:
            with suppress(psutil.NoSuchProcess):
                one.kill()


def replace(path: Path, old: str, new: str) -> None:
    """Edit a file."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_changes_take_effect_while_everything_runs(copy: Path, own_installation: Installation) -> None:
    """A tool, a template, a style, a new tool, and one that is broken and corrected; then Ctrl-C ends everything."""
    web = own_installation.settings.web_port
    own = copy / "site"
    (own / "pages").mkdir(parents=True)
    own_installation.settings = replace_settings(own_installation.settings, site_dir=own)

    def page(path: str, body: dict[str, str] | None = None) -> tuple[int, str, str]:
        with suppress(TimeoutError):  # while the web loads a tool, requests wait
            return answer(web, path, body)
        return 0, "", ""

    def answered(path: str) -> str:
        return wait_for(lambda: (found := page(path))[0] == 200 and found[2])

    def result(tool: str, fields: dict[str, str]) -> tuple[str, str]:
        job = wait_for(lambda: page(f"/tools/{tool}", fields)[1])
        return job, wait_for(lambda: "Finished" in (found := page(job)[2]) and found)

    with make_dev(copy, own_installation) as process:
        wait_for(lambda: page("/")[0] == 200)
        greeting = {"person": "Ada", "total": "1"}
        assert "Greetings, Ada!" in result("expensive_greet", greeting)[1]
        running = wait_for(lambda: page("/tools/expensive_greet", {"person": "Grace", "total": "1000"})[1])
        worker = wait_for(lambda: worker_of(own_installation, running))

        tool = copy / "greeter/tools/greet.py"
        replace(tool, "Greetings, {person}", "Salutations, {person}")
        replace(tool, "Who should be greeted?", "Who is there?")
        wait_for(lambda: "Who is there?" in page("/tools/expensive_greet")[2])
        wait_for(lambda: worker_of(own_installation, running) not in (None, b"", worker))  # its job was returned
        job, text = result("expensive_greet", greeting)
        assert "Salutations, Ada!" in text

        replace(copy / "templates/tools/expensive_greet/_result.html", "{{", "A new template: {{")
        assert "A new template: Salutations" in answered(job)
        replace(copy / "static/style.css", ":root", "/* new style */ :root")
        assert "/* new style */" in answered("/static/style.css")
        (own / "pages/news.md").write_text("We moved.")
        assert "We moved." in answered("/pages/news")
        (own / "templates").mkdir()
        (own / "templates/page.html").write_text("{{ page.html }}, says our own template")
        assert "We moved.</p>\n, says our own template" in answered("/pages/news")

        added = copy / "greeter/tools/shout.py"
        added.write_text(SHOUT)
        wait_for(lambda: "Say a word loudly." in page("/")[2])
        assert "HELLO" in result("shout", {"word": "hello"})[1]

        replace(added, "return {", "return {{")
        wait_for(lambda: "SyntaxError" in (front := page("/")[2]) and "<h2>shout.py</h2>" in front)
        assert "Salutations, Ada!" in result("expensive_greet", greeting)[1]
        replace(added, "return {{", "return {")
        wait_for(lambda: "Say a word loudly." in page("/")[2])
        assert "HELLO" in result("shout", {"word": "hello"})[1]

        wait_for(lambda: "of 1,000 steps" in page(running)[2])
        processes = psutil.Process(process.pid).children(recursive=True)
        assert len(processes) >= 9  # as in `make run`, but with one process of the web less, and with two watchers
        process.send_signal(signal.SIGINT)
        process.wait(60)
        assert not [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


def test_make_dev_runs_everything_of_make_run() -> None:
    """Procfile.dev has the processes of the Procfile, with the same commands, some of which it restarts."""
    lines = {name: (ROOT / name).read_text().splitlines() for name in ("Procfile", "Procfile.dev")}
    for usual, watched in zip(lines["Procfile"], lines["Procfile.dev"], strict=True):
        name, _, command = usual.partition(": exec ")
        assert watched.startswith(f"{name}: exec ")
        assert command in watched.replace("gunicorn --reload --workers 1", "gunicorn")
    assert "exec $(BIN)/honcho --procfile Procfile.dev start" in (ROOT / "Makefile").read_text()


UNTIDY = r'''
import os, random
import warnings
from wtforms import BooleanField, Form, SelectField, TextAreaField
from greeter.toolkit import ToolError, tool

warnings.warn("old", DeprecationWarning)
PATTERN = "\d"

class GCForm(Form):
    seq = TextAreaField("Sequence", default="ACGT")
    kind = SelectField("Kind", choices=[("ACGT", "DNA"), ("ACGU", "RNA")])
    shuffle = BooleanField("Shuffle it first", default=False)

def countLetters(S, l):
    n = 0
    for i in range(0, len(S)):
        if S[i] == l: n += 1
    return n

@tool("GC content", form=GCForm, example={"seq": "GATTACA", "kind": "ACGT"})
def gc_content(job, seq, kind, shuffle):
    """GC content of a sequence."""
    S = list(seq)
    if shuffle == True:
        random.shuffle(S)
    assert len(S) < 1000000
    if not set(S) <= set(kind):
        raise ToolError("Wrong letters. Check the sequence.")
    else:
        f = job.open("counts.tsv")
        for l in job.track(list("GC")):
            f.write("%s\t%d\n" % (l, countLetters(S, l)))
        input = countLetters(S, "G") + countLetters(S, "C")
        return {"gc": round(input / len(S) * 100, 1), "cwd": os.path.basename(os.getcwd())}
'''
UNTIDY_TEST = """
from greeter.tools.gc_content import GCForm, gc_content
from greeter.toolkit import Job
import os, warnings

def test_gc(tmp_path):
    warnings.warn("old")
    assert GCForm(data={"kind": "ACGU"}).kind.data == "ACGU"
    res = gc_content(Job(tmp_path), seq="GATTACA", kind="ACGT", shuffle=False)
    assert res["gc"] == 28.6
    assert open(os.path.join(str(tmp_path), "outputs", "counts.tsv")).read() == "G\\t1\\nC\\t1\\n"
"""


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_new_tool_passes_tests_and_linters(copy: Path) -> None:
    """A copy made with the commands of the documentation, and a tool that a scientist could write."""
    for name in ("tests", "pyproject.toml", "Procfile"):
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, copy / name)
    (copy / ".venv").symlink_to(Path(sys.prefix))
    (copy / "greeter/tools/gc_content.py").write_text(UNTIDY)
    (copy / "tests/tools/test_gc_content.py").write_text(UNTIDY_TEST)
    (commands,) = re.findall(
        r"## Start with a copy\n\n```sh\n(.*?)```", (ROOT / "docs/developing.md").read_text(), re.S
    )
    new = [
        f"{folder}{name}.py" for name in ("kmers", "gc_content") for folder in ("greeter/tools/", "tests/tools/test_")
    ]
    for command in (
        commands,
        f".venv/bin/ruff format {' '.join(new)}",
        f".venv/bin/ruff check --fix {' '.join(new)}",
        f".venv/bin/mypy {' '.join(new)}",
        ".venv/bin/bandit --quiet --configfile pyproject.toml --recursive greeter/tools",
        ".venv/bin/pytest tests/tools/test_gc_content.py",
        ".venv/bin/flask check-tools",
    ):
        shell = ["sh", "-ec", command]
        ended = subprocess.run(shell, cwd=copy, env=UNMEASURED, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, f"{command}\n{ended.stdout}{ended.stderr}"
