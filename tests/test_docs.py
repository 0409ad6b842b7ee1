"""What the documents say is so."""

import re
from importlib import import_module
from pathlib import Path

import pytest

from greeter import tools
from greeter.settings import Settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_the_readmes_tool_is_the_file_that_runs() -> None:
    """Copied from the README, it is the greeting, letter by letter."""
    (sample,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert sample == (ROOT / "greeter/tools/greet.py").read_text()


def test_the_readme_is_short_and_its_links_lead_somewhere() -> None:
    """At most 120 lines, and no link to a file that is not there."""
    assert len(README.splitlines()) <= 120
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README)
    assert links
    for link in links:
        assert (ROOT / link).exists(), link


def test_every_promise_has_a_test() -> None:
    """SECURITY.md names tests that exist, at least one in each row."""
    table = re.findall(r"^\| (?!promise)[^|-].* \| (.*) \|$", (ROOT / "SECURITY.md").read_text(), re.MULTILINE)
    assert len(table) > 10
    for row in table:
        named = re.findall(r"`(tests/\S+\.py)::(\w+)`", row)
        assert named
        for path, name in named:
            assert f"def {name}(" in (ROOT / path).read_text(), name


def test_the_readmes_commands_and_addresses_are_the_projects() -> None:
    """make run, make test, and the ports of the settings."""
    makefile = (ROOT / "Makefile").read_text()
    for command in re.findall(r"^make (\w+)", README, re.MULTILINE):
        assert f"\n{command}:" in makefile
    assert f"http://localhost:{Settings().web_port}" in README
    assert f"http://localhost:{Settings().flower_port}" in README


def test_the_map_names_what_is_there() -> None:
    """Every file or folder of the README's map exists."""
    (folders,) = re.findall(r"```text\n(.*?)```", README, re.DOTALL)
    for line in folders.splitlines():
        assert (ROOT / line.split()[0]).exists(), line


def test_scripts_are_the_vendored_versions_and_nothing_is_inline() -> None:
    """The version stands in the file's name, the licence beside it; the security policy allows nothing else."""
    for template in ROOT.glob("templates/**/*.html"):
        text = template.read_text()
        assert not re.search(r"<style|\sstyle=|<script(?![^>]*\ssrc=)|\son\w+=|hx-on|(?<!<a href=\")https?://", text), (
            template
        )
        for name in re.findall(r"filename='([^']+)'\)", text):
            assert (ROOT / "static" / name).exists(), name
    assert (ROOT / "static/htmx-LICENSE.txt").exists()


def test_the_lock_pins_what_was_chosen() -> None:
    """Every package of requirements.in has one version in requirements.txt, and its reason."""
    chosen = [line for line in (ROOT / "requirements.in").read_text().splitlines() if line and line[0] != "#"]
    locked = (ROOT / "requirements.txt").read_text()
    for line in chosen:
        name = re.match(r"[\w-]+", line)[0]
        assert " # " in line, line
        assert re.search(rf"^{name}==", locked, re.MULTILINE | re.IGNORECASE), name
    assert not re.search(r"index-url|find-links|://", locked)


def test_every_tool_shows_its_own_way_or_the_common_one() -> None:
    """Templates of tools belong to a tool that exists."""
    names = {path.name for path in (ROOT / "templates/tools").iterdir()}
    assert names <= set(tools.load())


@pytest.mark.parametrize("name", [path.stem for path in ROOT.glob("bench/*.py")])
def test_a_benchmark_still_finds_what_it_measures(name: str) -> None:
    """Nothing else imports them."""
    assert callable(import_module(f"bench.{name}").main)
