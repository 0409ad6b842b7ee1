"""A tool that does nothing."""

from wtforms import Form

from greeter.toolkit import Job, tool


class EmptyForm(Form):
    """No fields."""


@tool("Nothing", form=EmptyForm)
def empty(job: Job) -> dict[str, int]:
    """Do nothing."""
    return {"done": 1}
