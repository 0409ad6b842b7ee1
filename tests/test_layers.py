"""The imports within greeter point one way, without cycles, and a worker does not load Flask."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import packages_distributions
from itertools import accumulate
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted(ROOT.glob("greeter/**/*.py"))
MAY_IMPORT = {
    "sentinel": set(),
    "redis_url": {"sentinel"},
    "smtp_url": set(),
    "env": {"redis_url", "smtp_url"},
    "colours": set(),
    "env_example": set(),
    "settings": {"env", "env_example", "colours"},
    "settings_loader": {"env", "settings", "redis_url"},
    "version": set(),
    "free_memory": set(),
    "output": set(),
    "logs": {"output"},
    "toolkit": {"toolkit"},
    "tools": {"toolkit", "tools"},
    "jobs": {"settings", "redis_url", "sentinel", "smtp_url", "version", "free_memory", "logs", "toolkit", "jobs"},
    "web": {
        "colours",
        "settings",
        "settings_loader",
        "redis_url",
        "version",
        "free_memory",
        "logs",
        "toolkit",
        "tools",
        "jobs",
        "web",
    },
    "worker": {"settings_loader", "output", "logs", "tools", "jobs"},
    "monitor": {"settings_loader", "logs", "jobs"},
    "celery_command": {"output"},
    "disk_reserve": set(),
    "redis_server": {"redis_url"},
    "embedded_redis": {"settings_loader", "redis_server", "redis_url", "disk_reserve", "output"},
    "": {"settings", "version", "web"},  # greeter/__init__.py, the entry point of the web
}
"""What each part of greeter may import. Nothing may import the entry points: greeter itself, worker, embedded_redis."""
WEB_LIBRARIES = {"flask", "jinja2", "werkzeug"}
FACADES = {"greeter", "greeter.toolkit", "greeter.web.api"}  # packages that import their own modules
IMPORT_FUNCTIONS = {
    *("__import__", "import_module", "resolve_name", "import_string", "import_object", "import_from_cwd"),
    *("symbol_by_name", "run_module", "run_path", "entry_points"),
    *("exec", "eval", "builtins", "importlib"),  # the modules only as a whole, of which any function can be taken
    *("SourceFileLoader", "SourcelessFileLoader", "ExtensionFileLoader", "FileFinder", "zipimporter"),
    *("spec_from_file_location", "spec_from_loader", "module_from_spec", "exec_module", "load_module"),
}
MAY_COMPUTE_IMPORTS = {"greeter.tools", "greeter.celery_command"}  # of the files of tools, and of Celery's commands


def name_of(path: Path) -> str:
    """Return the dotted name of a module."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def normalized(name: str) -> str:
    """Return the name of a distribution in the form in which two spellings of it are equal."""
    return re.sub(r"[-_.]+", "-", name).lower()


def required_packages() -> set[str]:
    """Return the packages of the distributions that requirements.in names, by the name in an import."""
    lines = (ROOT / "requirements.in").read_text().splitlines()
    required = {normalized(found[0]) for line in lines if (found := re.match(r"[\w.-]+", line))}
    return {name for name, owners in packages_distributions().items() if required & {*map(normalized, owners)}}


NAMES = {name_of(path) for path in MODULES}
MAY_IMPORT_OTHERS = {"greeter", *sys.stdlib_module_names, *required_packages()}
PARTS_OF_FRAMEWORKS = {"click", "jinja2", "markupsafe", "werkzeug", "billiard", "kombu", "tornado", "_typeshed"}
"""What Flask, Celery, Flower and mypy bring along, for modules that are not tools."""


def imports_of(source: str, own_name: str) -> set[str]:
    """Return the modules of this project that a source imports, anywhere in it, including under TYPE_CHECKING."""
    return {found for found in _imported_names(source) if found in NAMES and found != own_name}


def _imported_names(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "a relative import: write the whole name of the module"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            # `from greeter import tools` imports a module; `from greeter import create_app` imports greeter itself.
            yield from (name if name in NAMES else str(node.module) for name in names)


def modules_in_strings(source: str) -> set[str]:
    """Return the modules of this project that a string of a source names, for import_module or a setting of Celery."""
    strings = {str(node.value) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)}
    named = {name for text in strings for name in (text.partition(":")[0], text.rpartition(".")[0])}
    return {name for name in named if name in NAMES and "." in name}


def import_functions_of(source: str) -> set[str]:
    """Return what a source refers to that imports a module with a computed name, or runs a text."""
    nodes = list(ast.walk(ast.parse(source)))
    names = {getattr(node, field, None) for node in nodes for field in ("id", "attr", "name")}
    compiles = {"compile"} & {node.id for node in nodes if isinstance(node, ast.Name)}  # re.compile is an attribute
    return {name for name in names if name in IMPORT_FUNCTIONS} | compiles


def loads_of(source: str, module: str) -> set[str]:
    """Return the modules that a module imports, with the packages that Python imports before them."""
    found = imports_of(source, module)
    return (found | {package for name in (*found, module) for package in packages_of(name)}) - {module}


def packages_of(module: str) -> set[str]:
    """Return the packages around a module, without those that import their own modules, such as those of tools."""
    packages = set(accumulate(module.split(".")[:-1], "{}.{}".format)) - FACADES
    return {name for name in packages if not name.startswith("greeter.tools.")}


def part_of(module: str) -> str:
    """Return the part of greeter that a module belongs to, empty for greeter itself."""
    return module.partition(".")[2].partition(".")[0]


def refused_imports(source: str, module: str) -> set[str]:
    """Return the imports that a module may not have, and the functions with which it could have others."""
    part = part_of(module)
    found = imports_of(source, module) | modules_in_strings(source)
    refused = {name for name in found if part_of(name) not in MAY_IMPORT[part]}
    others = MAY_IMPORT_OTHERS if part == "tools" else MAY_IMPORT_OTHERS | PARTS_OF_FRAMEWORKS
    refused |= {name for name in _imported_names(source) if name.partition(".")[0] not in others}
    if part not in {"web", ""}:
        refused |= {name for name in _imported_names(source) if name.partition(".")[0] in WEB_LIBRARIES}
    return refused if module in MAY_COMPUTE_IMPORTS else refused | import_functions_of(source)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_imports_only_what_its_part_may_import(path: Path) -> None:
    """The arrows are web -> tools -> toolkit, web -> jobs -> toolkit, and worker -> tools and jobs.

    Others are in the standard library or requirements.in: none is of the tests or of another program.
    """
    assert refused_imports(path.read_text(), name_of(path)) == set()


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("greeter.jobs.worker.task", "import greeter"),
        ("greeter.jobs.worker.task", "from greeter import create_app"),
        ("greeter.jobs.worker.task", "from greeter.web import services"),
        ("greeter.jobs.worker.task", "def run():\n    from greeter.web.app import create_app"),
        ("greeter.toolkit.job", "from greeter.jobs.files.folders import JobFiles"),
        ("greeter.toolkit.job", "if TYPE_CHECKING:\n    from greeter.settings import Settings"),
        ("greeter.tools.greet", "import greeter.jobs.records.store"),
        ("greeter.web.pages", "from greeter import worker"),
        ("greeter.web.pages", "import wsgi"),
        ("greeter.web.pages", "import flowerconfig"),
        ("greeter.jobs.worker.task", "def run():\n    from tests import zoo"),
        ("greeter.toolkit.job", "from bench.poll import main"),
        ("greeter.tools.greet", "from tests.servers import start"),
        ("greeter.tools.greet", "import pip_audit"),  # of requirements-dev.in
        ("greeter.tools.greet", "import json, click"),  # which Flask needs, and requirements.in does not name
        ("greeter.tools.greet", "import numpyy"),
        ("greeter.tools", "import_module('greeter.web.app')"),
        ("greeter.tools", "import_module(name='greeter.web.app')"),
        ("greeter.jobs.worker.celery_app", "options = {'worker_pool': 'greeter.web.app:Pool'}"),
        ("greeter.jobs.worker.celery_app", "options = {'result_backend': 'greeter.web.app.Backend'}"),
        ("greeter.jobs.worker.task", "importlib.import_module(f'greeter.{part}')"),
        ("greeter.jobs.worker.task", "from importlib import import_module as load"),
        ("greeter.jobs.worker.task", "from pkgutil import resolve_name"),
        ("greeter.jobs.worker.task", "app = pkgutil.resolve_name(path)"),
        ("greeter.jobs.worker.task", "app = __import__(name)"),
        ("greeter.jobs.worker.task", "exec(text)"),
        ("greeter.jobs.worker.task", "create_app = eval(text)"),
        ("greeter.jobs.worker.task", "run = FunctionType(compile(text, '', 'exec'), globals())"),
        ("greeter.jobs.worker.task", "run = builtins.compile"),
        ("greeter.jobs.worker.task", "from builtins import exec as run"),
        ("greeter.jobs.worker.task", "load = getattr(importlib, name)"),
        ("greeter.jobs.worker.task", "from importlib.machinery import SourceFileLoader"),
        ("greeter.jobs.worker.task", "spec = util.spec_from_file_location(name, path)"),
        ("greeter.jobs.worker.task", "spec.loader.exec_module(module)"),
        ("greeter.jobs.worker.task", "from runpy import run_path as load"),
        ("greeter.jobs.worker.task", "from zipimport import zipimporter"),
        ("greeter.jobs.worker.task", "apps = entry_points(group=name)"),
        ("greeter.jobs.worker.task", "def run():\n    import flask"),
        ("greeter.toolkit.job", "def run():\n    from flask.views import View"),
    ],
)
def test_a_refused_import_is_found(module: str, line: str) -> None:
    """It may be at the top of the module, in a function, for type checking only, or have a computed name."""
    assert refused_imports(line, module)


@pytest.mark.parametrize("line", ["from .. import create_app", "from ..web import services", "from . import store"])
def test_relative_imports_are_refused(line: str) -> None:
    """The test of the layers would not see what they import."""
    with pytest.raises(AssertionError, match="relative import"):
        refused_imports(line, "greeter.jobs.worker.task")


def test_there_is_no_import_cycle() -> None:
    """There is none between the parts, and none within one."""
    graph = {name_of(path): loads_of(path.read_text(), name_of(path)) for path in MODULES}
    list(TopologicalSorter(graph).static_order())
    for module, line in (
        ("greeter.jobs.records.store", "from greeter.jobs.service import Jobs"),
        ("greeter.jobs.records", "from greeter.jobs.records import store"),  # which imports greeter.jobs.records first
        ("greeter.toolkit.job", "from greeter.toolkit import tool"),
    ):
        with pytest.raises(CycleError):
            list(TopologicalSorter(graph | {module: loads_of(line, module)}).static_order())


@pytest.mark.parametrize("module", ["greeter.worker", "greeter.tools.phmmer", "greeter.embedded_redis"])
def test_a_worker_does_not_load_flask(module: str) -> None:
    """Importing a worker's entry point, a tool or the embedded Redis loads nothing of the web."""
    assert loaded_by(module) & {"flask", "greeter.web", "jinja2"} == set()


def test_flower_does_not_load_the_tools() -> None:
    """They take 5 MiB, and a tool that cannot be loaded must not end Flower."""
    assert loaded_by("greeter.monitor") & {"greeter.tools", "pyhmmer", "flask"} == set()


def test_the_web_does_not_load_a_second_client_of_redis() -> None:
    """The library for rate limits would load that of Valkey too, which takes 2.5 MiB."""
    assert loaded_by("wsgi") & {"redis", "valkey"} == {"redis"}


@pytest.mark.parametrize(
    ("app", "command", "others"),
    [
        ("greeter.worker", "worker", {"flower", "tornado", "prompt_toolkit"}),
        ("greeter.monitor", "flower", {"celery.bin.worker", "prompt_toolkit"}),
    ],
)
def test_a_worker_and_flower_do_not_load_other_commands(app: str, command: str, others: set[str]) -> None:
    """They take 20 MiB in the stack. The command `celery` loads them all."""
    call = f"greeter.celery_command.main(['--app', '{app}', '{command}', '--help'], standalone_mode=False)"
    loaded = loaded_by("greeter.celery_command", call)
    assert app in loaded
    assert loaded & others == set()


def loaded_by(module: str, call: str = "") -> set[str]:
    """Return the names of all modules that are loaded when one is imported in a new process, and a call is made."""
    code = f"import sys, {module}\n{call}\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(loaded.stdout.split())
