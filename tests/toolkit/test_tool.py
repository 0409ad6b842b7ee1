"""The decorator `tool`, and how the site finds its tools."""

import re
from typing import Any

import pytest
from wtforms import Form, StringField

from greeter import tools
from greeter.toolkit import Job, MemoryNeed, tool


class NameForm(Form):
    """One field."""

    name = StringField()


def test_a_tool_gets_its_name_and_summary_from_its_function(tmp_path) -> None:
    """The summary is the first line of the docstring, and calling the tool calls the function."""

    @tool("Echo", form=NameForm)
    def echo(job: Job, name: str) -> dict[str, str]:
        """Say a name again.

        Further lines are for developers.
        """
        return {"name": name}

    assert (echo.name, echo.title, echo.summary, echo.action) == ("echo", "Echo", "Say a name again.", "Run")
    assert echo(Job(tmp_path), name="Ada") == {"name": "Ada"}


def test_a_form_that_does_not_match_the_function_is_rejected() -> None:
    """The decorator raises TypeError when the module is imported, not when the first job runs."""
    with pytest.raises(TypeError, match=r"greet takes \['person'\] after the job, but its form has \['name'\]"):

        @tool("Greeting", form=NameForm)
        def greet(job: Job, person: str) -> dict[str, str]:
            return {}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"libraries": "numpy"}, TypeError, "The libraries cannot be the string 'numpy'. Write a list: ['numpy']."),
        ({"position": "1"}, TypeError, "position='1' is of the wrong type. Use int."),
        ({"cores": 2.5}, TypeError, "cores=2.5 is of the wrong type. Use int."),
        ({"soft_time_limit": "10"}, TypeError, "soft_time_limit='10' is of the wrong type. Use int | None."),
        ({"duration": 10}, TypeError, "duration=10 is of the wrong type. Use str."),
        ({"queue": None}, TypeError, "queue=None is of the wrong type. Use str."),
        ({"example": ["Ada"]}, TypeError, "example=['Ada'] is of the wrong type. Use Mapping[str, Any]."),
        ({"data": {"a": "/a"}}, TypeError, "data={'a': '/a'} is of the wrong type. Use Mapping[str, Path]."),
        ({"libraries": [1]}, TypeError, "libraries=[1] is of the wrong type. Use Sequence[str]."),
        ({"memory": 10}, TypeError, "memory=10 is of the wrong type. Use Callable[..., MemoryNeed] | None."),
        ({"exampel": {}}, TypeError, "tool.__init__() got an unexpected keyword argument 'exampel'"),
        ({"cores": 0}, ValueError, "The number of cores cannot be 0. Write 1 or more."),
        ({"soft_time_limit": -1}, ValueError, "The soft time limit cannot be -1. Write 1 or more."),
    ],
)
def test_a_mistake_is_reported_in_one_line(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    """It would show only later, in another place."""
    with pytest.raises(error, match="^" + re.escape(message) + "$"):
        tool("Slip", form=NameForm, **arguments)


def test_a_function_for_the_memory_takes_the_fields_of_the_form() -> None:
    """Otherwise, each submission would fail."""
    with pytest.raises(TypeError, match=r"with the fields of the form, \['name'\]: missing a required argument"):

        @tool("Greeting", form=NameForm, memory=lambda person: MemoryNeed(1, person))
        def greet(job: Job, name: str) -> dict[str, str]:
            return {}


@pytest.mark.parametrize(
    ("programs", "error", "message"),
    [
        (["mafft"], TypeError, "The programs cannot be ['mafft']. Write a dict with the arguments that make each"),
        ("mafft", TypeError, "The programs cannot be 'mafft'. Write a dict"),
        ({"mafft": None}, TypeError, "The programs cannot be {'mafft': None}. Write a dict"),
        ({"mafft": "-v 'x"}, ValueError, 'The arguments of mafft cannot be "-v \'x": No closing quotation. Write'),
    ],
)
def test_programs_that_cannot_be_asked_are_refused(programs: Any, error: type[Exception], message: str) -> None:
    """Otherwise, each job of the tool would fail."""
    with pytest.raises(error, match=re.escape(message)):
        tool("Align", form=NameForm, programs=programs)


def test_a_new_file_in_the_folder_adds_a_tool(tmp_path, monkeypatch) -> None:
    """`load` finds the tool, and leaves out a second one of the same name."""
    source = """
from wtforms import Form
from greeter.toolkit import tool

@tool("Added", form=Form)
def added(job):
    "Be there."
    return {}
"""
    (tmp_path / "one_file.py").write_text(source)
    monkeypatch.setattr(tools, "__path__", [*tools.__path__, str(tmp_path)])
    assert {"added", "phmmer", "expensive_greet"} <= set(tools.load())
    (tmp_path / "other_file.py").write_text(source)
    assert tools.load()["added"].function.__module__ == "greeter.tools.one_file"
