"""The Lua scripts follow the conventions, and only few modules name keys of Redis."""

import re
from itertools import dropwhile, takewhile
from pathlib import Path

import pytest

from greeter.jobs.records import scripts
from tests.conftest import ROOT

SCRIPTS = sorted(ROOT.glob("greeter/jobs/records/lua/*.lua"))
SHARED = scripts._SHARED  # prepended to the others
BINDING = re.compile(r"local [\w, ]+ = (unpack\(ARGV\)|ARGV\[\d+\])")


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_begins_with_what_it_takes_and_returns(path: Path) -> None:
    """Where it is shared, with the scripts that it is prepended to. Arguments are bound to plain names first."""
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#!")]
    head = "\n".join(takewhile(lambda line: line.startswith("--"), lines))
    if path.stem in SHARED:
        assert head.startswith("-- Prepended to ")
        return
    assert re.search(r"^-- \w.*\n(--.*\n)*--\n-- ARGV: 1 .*\n(--   .*\n)*-- Returns: ", head)
    body = dropwhile(BINDING.fullmatch, lines[head.count("\n") + 1 :])
    assert [line for line in body if re.search(r"(ARGV|KEYS)\[\d|unpack\(ARGV\)", line)] == []


def test_only_the_documented_modules_use_keys() -> None:
    """CONTRIBUTING.md names them. Of the keys, those that the documentation of scripts lists are looked for."""
    keys = re.findall(r"^\| `(\w+:?)", str(scripts.__doc__), re.MULTILINE)
    assert len(keys) > 20
    use = re.compile(rf'\.call\(|(redis|server|source|target|pipeline)\.\w+\(f?"(?:{"|".join(keys)})((?<=:)|")')
    found = {path.stem for path in ROOT.glob("greeter/**/*.py") if use.search(path.read_text())}
    named = re.findall("Every Redis key(.*?)\n- ", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)[0]
    assert {"store", "upkeep", "scripts"} < found <= set(re.findall(r"\w+", named))
