"""The versions of what a result depends on: the code of its tool, and its libraries, programs and data."""

import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from platform import python_version
from types import ModuleType

from greeter.toolkit import installed
from greeter.toolkit.tool import Tool
from greeter.version import __version__

DIGITS = 12  # of a SHA-256: enough to distinguish two versions of a file


def code_versions(tool: Tool) -> dict[str, str]:
    """Return the versions of what a process has loaded for a tool, by name.

    That of the tool is the start of a SHA-256, under the name of its module, with `.py`. Raises PackageNotFoundError
    if a library that the tool names is not installed.
    """
    versions = {"greeter": __version__, "Python": python_version(), **_source_version(tool)}
    return versions | {name: installed.library_version(name) for name in tool.libraries}


def machine_versions(tool: Tool) -> dict[str, str]:
    """Return the versions of the programs and data of a tool, by name. They may be updated at any time."""
    programs = {name: installed.program_version(name, arguments) for name, arguments in tool.programs.items()}
    return programs | {name: installed.data_release(path) for name, path in tool.data.items()}


def _source_version(tool: Tool) -> dict[str, str]:
    """Return one checksum of the file of a tool and the modules in its folder from which it imports something."""
    digest = sha256()
    for path in sorted(set(_files(sys.modules[tool.function.__module__], set()))):
        digest.update(path.read_bytes())
    return {f"{tool.function.__module__.rpartition('.')[2]}.py": digest.hexdigest()[:DIGITS]}


def _files(module: ModuleType, seen: set[str]) -> Iterator[Path]:
    seen.add(module.__name__)
    if module.__file__:
        yield Path(module.__file__)
    package = module.__name__.rpartition(".")[0] + "."
    names = {getattr(value, "__module__", None) or getattr(value, "__name__", "") for value in vars(module).values()}
    for name in names - seen:
        if isinstance(name, str) and name.startswith(package) and name in sys.modules:
            yield from _files(sys.modules[name], seen)
