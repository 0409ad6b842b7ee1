"""The tools of the site. To add one, add a module to this folder."""

import logging
import traceback
from collections.abc import Iterable
from importlib import import_module
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from pkgutil import iter_modules
from typing import NamedTuple

from greeter.toolkit import installed
from greeter.toolkit.tool import Tool

SAMPLES = Path(__file__).with_name("samples")
log = logging.getLogger(__name__)


class ToolFile(NamedTuple):
    """A module or package of this folder."""

    name: str  # of the file, or of the folder of a package
    tools: list[Tool]  # the tools in it; none if it cannot be used
    problem: str  # why it cannot be used, in one line; empty if it can


def read() -> list[ToolFile]:
    """Import the modules of this folder and find their tools. Those that cannot be used are left out."""
    files: list[ToolFile] = []
    for module in iter_modules(__path__, f"{__name__}."):
        name = module.name.rpartition(".")[2] + ("" if module.ispkg else ".py")
        try:
            files.append(ToolFile(name, _tools(module.name, usable(files)), ""))
        except (Exception, SystemExit) as error:  # a script that is not a module yet may exit
            files.append(ToolFile(name, [], _describe(error, name)))
    return files


def usable(files: Iterable[ToolFile]) -> dict[str, Tool]:
    """Return the tools of files by name."""
    return {tool.name: tool for file in files for tool in file.tools}


def report(files: Iterable[ToolFile]) -> None:
    """Log which files cannot be used, and why."""
    for file in files:
        if file.problem:
            log.error("left out the tools in %s: %s", file.name, file.problem)


def load() -> dict[str, Tool]:
    """Return all tools that can be used by name, and report the files that cannot be used."""
    files = read()
    report(files)
    return usable(files)


def _tools(module: str, others: dict[str, Tool]) -> list[Tool]:
    """Import a module and return its tools. Raises whatever its import does, and if a tool in it cannot run."""
    found = [value for value in vars(import_module(module)).values() if isinstance(value, Tool)]
    for tool in found:
        other = others.get(tool.name, tool)
        if other is not tool:
            raise ValueError(f"{other.function.__module__} also has a tool {tool.name!r}. Rename one of the functions.")
        for library in tool.libraries:
            try:
                installed.library_version(library)
            except PackageNotFoundError:
                problem = f"{tool.name} uses the library {library!r}, which is not installed."
                raise ModuleNotFoundError(f"{problem} Correct its name, or install it.") from None
    return found


def _describe(error: BaseException, name: str) -> str:
    """Return the type and the message of an error, after the last line in this folder that led to it."""
    frames = [(Path(frame.filename), frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    message = str(error)
    if isinstance(error, SyntaxError):
        frames.append((Path(error.filename or ""), error.lineno))
        message = error.msg
    text = " ".join(f"{type(error).__name__}: {message}".split())
    for path, line in reversed(frames):
        for folder in __path__:
            if path.is_relative_to(folder) and path != Path(__file__):
                file = str(path.relative_to(folder))
                return f"line {line}: {text}" if file == name else f"{file}, line {line}: {text}"
    return text
