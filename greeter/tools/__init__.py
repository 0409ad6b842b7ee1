"""The tools of the site: every module in this folder that has one. Adding a tool is adding a file here."""

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from greeter.toolkit.tool import Tool

SAMPLES = Path(__file__).with_name("samples")


def load() -> dict[str, Tool]:
    """Every tool of this folder by its name. Raises ValueError when two have the same name."""
    tools: dict[str, Tool] = {}
    for module in iter_modules(__path__, f"{__name__}."):
        for found in vars(import_module(module.name)).values():
            if isinstance(found, Tool) and tools.setdefault(found.name, found) is not found:
                raise ValueError(f"Two tools have the name {found.name!r}: rename the one in {module.name}.")
    return tools
