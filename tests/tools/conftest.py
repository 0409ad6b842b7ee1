"""Warnings in the tests of tools are shown, and stop nothing."""

from pathlib import Path

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Relax the warnings in this folder: those of the libraries of a tool, and of files that it leaves open."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.filterwarnings("default"))
