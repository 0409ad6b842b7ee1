"""The tools of the site. To add one, add a module to this folder."""

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from greeter.toolkit.tool import Tool

SAMPLES = Path(__file__).with_name("samples")


def load() -> dict[str, Tool]:
    """Import the modules of this folder and find their tools.

    Returns:
        The tools by name.

    Raises:
        ValueError: Two tools have the same name.
    """
    tools: dict[str, Tool] = {}
    for module in iter_modules(__path__, f"{__name__}."):
        for found in vars(import_module(module.name)).values():
            if isinstance(found, Tool) and tools.setdefault(found.name, found) is not found:
                raise ValueError(f"Two tools have the name {found.name!r}: rename the one in {module.name}.")
    return tools
