"""Tools that need a program."""

import os
from pathlib import Path
from typing import Any

from wtforms import Form

from greeter.toolkit import Job, tool


class Nothing(Form):
    """A form without fields."""


@tool("Needs a program", form=Nothing, programs={os.environ.get("NEEDED", "no-such-program"): "--version"}, cores=8)
def needy(job: Job) -> dict[str, Any]:
    """Return the number of cores."""
    return {"cores": job.cores}


@tool("Needs a shell", form=Nothing, programs={"sh": "-c 'echo sh 1.2'"}, data={"This file": Path(__file__)})
def equipped(job: Job) -> dict[str, Any]:
    """Need a program that every machine has."""
    return {}
