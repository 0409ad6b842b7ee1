"""Tests of the versions of what a job is made with."""

from __future__ import annotations

import sys
from pathlib import Path

from greeter import tools
from greeter.jobs import versions
from greeter.tools import load
from greeter.version import __version__

TOOL = '''
from wtforms import Form
from greeter.toolkit import tool
from greeter.tools.zz_part import helper

@tool("Uses another module", form=Form)
def zz_whole(job):
    """Call a function of another module."""
    return helper()
'''
PART = """
def helper():
    return {"answer": %s}
"""


def reload(folder: Path, **sources: str) -> dict[str, str]:
    """Return the versions of the tool with these modules, as another process would load them."""
    for name in [name for name in sys.modules if name.startswith("greeter.tools.zz_")]:
        del sys.modules[name]
        delattr(tools, name.rpartition(".")[2])
    for name, source in sources.items():
        (folder / f"{name}.py").write_text(source)
    return versions.code_versions(load()["zz_whole"])


def test_a_tool_has_another_version_when_its_code_changes(tool_folder: Path) -> None:
    """Even if the change is in a module beside it that it imports, or in one that this one imports."""
    first = reload(tool_folder, zz_whole=TOOL, zz_part=PART % 1)
    assert reload(tool_folder) == first
    assert (first["greeter"], len(first["zz_whole.py"])) == (__version__, 12)
    more = reload(tool_folder, zz_part=PART % 22)
    assert more["zz_whole.py"] != first["zz_whole.py"]
    reload(tool_folder, zz_part="from greeter.tools import zz_deep\n" + PART % 22, zz_deep="")
    deep = reload(tool_folder)
    assert reload(tool_folder, zz_deep="NUMBER = 3\n")["zz_whole.py"] != deep["zz_whole.py"]


def test_a_package_has_another_version_when_one_of_its_modules_changes(tool_folder: Path) -> None:
    """It has its own name, not that of the file __init__.py."""
    package = tool_folder / "zz_whole"
    package.mkdir()
    (package / "__init__.py").write_text(TOOL.replace("greeter.tools", "greeter.tools.zz_whole"))
    first = reload(package, zz_part=PART % 1)
    assert len(first["zz_whole.py"]) == 12
    assert reload(package, zz_part=PART % 22)["zz_whole.py"] != first["zz_whole.py"]


def test_the_file_of_a_tool_names_its_version() -> None:
    """It could otherwise be taken for the program of the same name."""
    mafft = versions.code_versions(load()["mafft"]) | versions.machine_versions(load()["mafft"])
    assert set(mafft) == {"greeter", "Python", "mafft.py", "mafft"}
