"""Tools that need more memory than they may have."""

import os
import signal
from pathlib import Path
from typing import Any

from wtforms import Form

from greeter.toolkit import Job, tool
from greeter.tools.phmmer import PhmmerForm
from greeter.tools.phmmer import phmmer as checked_phmmer


class Nothing(Form):
    """A form without fields."""


@tool("Allocates without end", form=Nothing)
def devour(job: Job) -> dict[str, Any]:
    """Allocate memory until there is no more."""
    eaten = []
    while True:
        eaten.append(bytearray(10_000_000))


@tool("Runs a program that allocates without end", form=Nothing)
def outsource_devouring(job: Job) -> dict[str, Any]:
    """Allocate memory in a program."""
    job.run(["python3", "-c", "x = b'x'\nwhile True: x += x"], stdout="output.txt")
    return {}


@tool("Crashes", form=Nothing)
def crash(job: Job) -> dict[str, Any]:
    """Die as a program in C does that uses memory that it did not get."""
    os.kill(os.getpid(), signal.SIGSEGV)
    return {}


@tool("A search without an estimate of memory", form=PhmmerForm)
def phmmer_unchecked(job: Job, query: Path, database: None, targets: Path | None, evalue: float) -> dict[str, Any]:
    """Run phmmer, however much memory it needs."""
    return checked_phmmer.function(job, query, targets, evalue)
