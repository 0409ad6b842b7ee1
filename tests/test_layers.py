"""The imports point one way."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {
    "settings": set(),
    "core": {"settings", "core"},
    "tools": {"core", "tools"},
    "web": {"settings", "core", "tools", "web"},
    "worker": {"settings", "core", "tools"},
    "embedded": {"settings"},
    "__init__": {"settings", "tools", "web"},
}


def imported_parts(path: Path) -> set[str]:
    """The parts of greeter that a module imports, wherever in the module it does."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name.split(".")[1] for name in names if name.startswith("greeter.")}


@pytest.mark.parametrize("path", sorted(ROOT.glob("greeter/**/*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_what_lies_below(path: Path) -> None:
    """web -> tools -> core, and worker -> tools -> core; nothing imports an entry."""
    part = path.relative_to(ROOT / "greeter").parts[0].removesuffix(".py")
    assert imported_parts(path) <= MAY_IMPORT[part]


@pytest.mark.parametrize("module", ["greeter.worker", "greeter.tools.phmmer", "greeter.embedded"])
def test_a_worker_loads_no_flask(module: str) -> None:
    """What a worker imports knows nothing of the web."""
    code = f"import sys, {module}; print({{'flask', 'greeter.web', 'jinja2'}} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "set()"
