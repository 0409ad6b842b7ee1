"""Tests that the documents match the project."""

import re
from collections import Counter
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import pytest

from greeter import tools
from greeter.settings import Settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "deploy/README.md", ROOT / "tests/README.md"]


def test_readme_sample_is_the_greeting_tool() -> None:
    """The README's sample is an exact copy of the file of the greeting tool."""
    (sample,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert sample == (ROOT / "greeter/tools/greet.py").read_text()


def test_readme_has_at_most_120_lines() -> None:
    """It has at most 120 lines."""
    assert len(README.splitlines()) <= 120


def test_the_pictures_of_the_readme_are_small() -> None:
    """Each of the four exists, has a description and less than 130 kB."""
    pictures = re.findall(r'<img src="([^"]+)" width="49%" alt="[^"]+">', README)
    assert len(pictures) == README.count("<img") == 4
    assert [name for name in pictures if not 0 < (ROOT / name).stat().st_size < 130_000] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_work(path: Path) -> None:
    """Every file and heading that a document links to exists."""
    links = re.findall(r"\]\((?!https?:|mailto:)([^)#]*)#?([^)]*)\)", path.read_text())
    assert links or path.name != "README.md" or path.parent != ROOT
    for file, heading in links:
        target = path.parent / file if file else path
        assert target.exists(), file
        assert not heading or heading in _headings(target), f"{file}#{heading}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_lines_are_short_and_said_once(path: Path) -> None:
    """No line but those of tables and links is longer than 120 characters, and no entry of a list is there twice."""
    text = re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.MULTILINE | re.DOTALL).splitlines()
    assert [line for line in text if len(line) > 120 and not line.startswith("|") and " · [" not in line] == []
    heads = [line for line, rule in pairwise(text) if re.fullmatch("[| -]{3,}", rule)]
    entries = [line for line in text if re.match("[|-] (?!---)", line) and line not in heads]
    assert [entry for entry, number in Counter(entries).items() if number > 1] == []


def test_no_file_has_the_marks_of_a_merge() -> None:
    """A template would show them, and no linter reads templates."""
    texts = [*DOCUMENTS, *ROOT.glob("templates/**/*.html"), *ROOT.glob("static/*.css"), *ROOT.glob("deploy/**/*.conf")]
    assert len(texts) > 50
    assert [path for path in texts if re.search(r"^(<{7}|={7}|>{7})( |$)", path.read_text(), re.MULTILINE)] == []


def _headings(path: Path) -> set[str]:
    """Return the anchors that a code host makes from the headings of a document."""
    titles = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}


def test_reading_path_takes_less_than_an_hour() -> None:
    """What the README names for reading has about as many words as it says, and at most 9,000."""
    words = sum(len(text.split()) for text in _reading_path().values())
    assert words <= 9000
    (stated,) = re.findall(r"about ([\d,]+) words, or an hour's reading\.", README)
    assert abs(words - int(stated.replace(",", ""))) <= 400


def test_reading_path_is_about_the_life_of_a_job() -> None:
    """A reader meets neither the HTTP API nor reference databases, which most sites do not need."""
    others = re.compile(r"\bapi\b|\bdatabases?\b", re.IGNORECASE)
    assert {file: others.findall(text) for file, text in _reading_path().items() if others.search(text)} == {}


def _reading_path() -> dict[str, str]:
    """Return the text of each file that the README names for reading, up to its known limits."""
    (path,) = re.findall(r"or an hour's reading\.(.*?)\n\nYou can skip", README, re.DOTALL)
    documents = [ROOT / name for name in ("docs/architecture.md", *re.findall(r"\]\(([^)]+)\)", path))]
    (*code,) = (file for name in re.findall(r"`([^`]+\.\w+)`", path) for file in ROOT.glob(f"greeter/jobs/**/{name}"))
    assert len(documents) == 2
    assert len(code) > 10
    return {str(file): file.read_text().partition("## Known limits")[0] for file in documents + code}


def test_decisions_are_few_and_short() -> None:
    """There are at most eight records, each in the list with its number and title, and of about 400 words."""
    records = sorted(ROOT.glob("docs/decisions/[0-9]*.md"))
    assert len(records) <= 8
    titles = [path.read_text().splitlines()[0].removeprefix("# ") for path in records]
    listed = (ROOT / "docs/decisions/README.md").read_text()
    entries = [f"{title[:3]}[{title[3:]}]({path.name})" for title, path in zip(titles, records, strict=True)]
    assert re.findall(r"^\d+\. .*", listed, re.MULTILINE) == entries
    assert [title[:3] for title in titles] == [f"{number}. " for number in range(1, len(records) + 1)]
    assert [path.name for path in records if len(path.read_text().split()) > 440] == []


def test_table_of_failures_names_existing_tests() -> None:
    """Every test that tests/README.md names exists, and no failure is there twice."""
    table = (ROOT / "tests/README.md").read_text()
    failures = Counter(re.findall(r"^\| ([^`|]+) \| `\S+\.py::", table, re.MULTILINE))
    assert [failure for failure, number in failures.items() if number > 1] == []
    named = re.findall(r"`(\S+\.py)::(\w+)`", table)
    assert len(named) > 20
    for path, name in named:
        assert f"def {name}(" in (ROOT / "tests" / path).read_text(), name


def test_every_security_guarantee_names_existing_tests() -> None:
    """Each row of the table in SECURITY.md names at least one test, and all of them exist."""
    table = re.findall(r"^\| (?!promise)[^|-].* \| (.*) \|$", (ROOT / "SECURITY.md").read_text(), re.MULTILINE)
    assert len(table) > 10
    for row in table:
        named = re.findall(r"`(tests/\S+\.py)::(\w+)`", row)
        assert named
        for path, name in named:
            assert f"def {name}(" in (ROOT / path).read_text(), name


def test_readme_commands_and_addresses_are_correct() -> None:
    """The make targets exist, and the ports are the default settings."""
    makefile = (ROOT / "Makefile").read_text()
    for command in re.findall(r"^make (\w+)", README, re.MULTILINE):
        assert f"\n{command}:" in makefile
    assert f"http://localhost:{Settings().web_port}" in README
    assert f"http://localhost:{Settings().flower_port}" in README


def test_readme_map_names_existing_files() -> None:
    """Every file and folder of the README's map exists."""
    (folders,) = re.findall(r"```text\n(.*?)```", README, re.DOTALL)
    for line in folders.splitlines():
        assert (ROOT / line.split()[0]).exists(), line


def test_templates_use_vendored_files_and_nothing_inline() -> None:
    """Templates have no inline code and no external URLs, and the static files and the htmx licence exist."""
    for template in ROOT.glob("templates/**/*.html"):
        text = template.read_text()
        assert not re.search(r"<style|\sstyle=|<script(?![^>]*\ssrc=)|\son\w+=|hx-on|(?<!<a href=\")https?://", text), (
            template
        )
        for name in re.findall(r"filename='([^']+)'\)", text):
            assert (ROOT / "static" / name).exists(), name
    assert (ROOT / "static/htmx-LICENSE.txt").exists()


def test_the_variables_for_a_style_sheet_exist() -> None:
    """Those that docs/site.md names are set in style.css."""
    named = re.findall(r"`(--[\w-]+)`", (ROOT / "docs/site.md").read_text())
    assert len(named) > 10
    style = (ROOT / "static/style.css").read_text()
    assert [name for name in named if f"\n  {name}: " not in style] == []


def test_lock_file_pins_every_requirement() -> None:
    """Every package in requirements.in has a reason there and an exact version in requirements.txt."""
    chosen = [line for line in (ROOT / "requirements.in").read_text().splitlines() if line and line[0] != "#"]
    locked = (ROOT / "requirements.txt").read_text()
    for line in chosen:
        name = re.match(r"[\w-]+", line)[0]
        assert " # " in line, line
        assert re.search(rf"^{name}(\[.*\])?==", locked, re.MULTILINE | re.IGNORECASE), name
    assert not re.search(r"index-url|find-links|://", locked)


PACKAGES = [path.parent.relative_to(ROOT) for path in ROOT.glob("greeter/**/__init__.py")]
LARGE = [path for path in PACKAGES if path.parts[1:2] in [("jobs",), ("toolkit",), ("web",)]]


@pytest.mark.parametrize("folder", LARGE, ids=str)
def test_the_docstring_of_a_package_names_its_modules(folder: Path) -> None:
    """So that a reader knows where to look."""
    named = re.findall(r"\w+", import_module(".".join(folder.parts)).__doc__ or "")
    modules = {path.stem for path in (ROOT / folder).glob("*.py")} - {"__init__"}
    assert modules - set(named) == set()


def test_every_tool_template_belongs_to_a_tool() -> None:
    """Each file in templates/tools is named after a tool that exists."""
    names = {path.name for path in (ROOT / "templates/tools").iterdir()}
    assert names <= set(tools.load())


@pytest.mark.parametrize("name", [path.stem for path in ROOT.glob("bench/*.py")])
def test_benchmarks_can_be_imported(name: str) -> None:
    """No other test imports the benchmarks, so that a renamed function would go unnoticed."""
    assert callable(import_module(f"bench.{name}").main)
