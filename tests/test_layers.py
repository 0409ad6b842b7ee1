"""The imports point one way."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {
    "env": set(),
    "settings": {"env"},
    "version": set(),
    "logs": set(),
    "toolkit": {"toolkit"},
    "tools": {"toolkit", "tools"},
    "jobs": {"settings", "version", "logs", "toolkit", "jobs"},
    "web": {"settings", "version", "logs", "toolkit", "tools", "jobs", "web"},
    "worker": {"settings", "logs", "tools", "jobs"},
    "embedded_redis": {"settings"},
    "__init__": {"settings", "version", "web"},
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
    """web -> tools -> toolkit, web -> jobs -> toolkit, worker -> tools and jobs; nothing imports an entry."""
    part = path.relative_to(ROOT / "greeter").parts[0].removesuffix(".py")
    assert imported_parts(path) <= MAY_IMPORT[part]


@pytest.mark.parametrize("module", ["greeter.worker", "greeter.tools.phmmer", "greeter.embedded_redis"])
def test_a_worker_loads_no_flask(module: str) -> None:
    """What a worker imports knows nothing of the web."""
    code = f"import sys, {module}; print({{'flask', 'greeter.web', 'jinja2'}} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "set()"
