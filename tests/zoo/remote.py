"""A tool whose program runs on a node of a cluster."""

import os
from typing import Any

from wtforms import Form, StringField

from greeter.toolkit import Job, tool


class Length(Form):
    """For how many seconds the program sleeps, which also identifies it."""

    length = StringField()


def _run(job: Job, length: str) -> dict[str, Any]:
    configuration = f"SLURM_CONF={os.environ['SLURM_CONF']}"  # not needed where it is /etc/slurm/slurm.conf
    job.run(["env", configuration, "srun", "sleep", length], stdout="output.txt")
    return {}


@tool("Runs on a cluster", form=Length)
def send_away(job: Job, length: str) -> dict[str, Any]:
    """Run a program with srun."""
    return _run(job, length)


@tool("Runs on a cluster for a moment", form=Length, soft_time_limit=2)
def send_away_briefly(job: Job, length: str) -> dict[str, Any]:
    """Run a program with srun until the time limit."""
    return _run(job, length)
