"""Tools that run programs, and show how far they are."""

import time
from typing import Any

from wtforms import Form, StringField

from greeter.toolkit import Job, tool

# Runs until the test creates the file `go` in the folder of the results.
WAIT = "until [ -e go ]; do sleep 0.1; done; rm go"


class Script(Form):
    """A script for the shell."""

    script = StringField()


@tool("Runs a script", form=Script, example={"script": "seq 3 >&2; exit 3"})
def run_script(job: Job, script: str) -> dict[str, Any]:
    """Run a script."""
    job.run(["sh", "-c", script])
    return {}


@tool("Runs a script whose errors are secret", form=Script)
def run_secret_script(job: Job, script: str) -> dict[str, Any]:
    """Run a script without showing its errors."""
    job.run(["sh", "-c", script], show_errors=False)
    return {}


@tool("Has two stages", form=Script, example={"script": "echo 3 >&2"})
def climb(job: Job, script: str) -> dict[str, Any]:
    """Run the script in each stage; each of its lines says how far it is."""
    for number, name in enumerate(["Reading", "Writing"], 1):
        job.stage(name, number, 2)
        job.log(f"{name} has started")
        job.run(["sh", "-c", f"{script}; {WAIT}"], on_line=lambda line: job.at(int(line), 10, unit="query"))
    return {}


@tool("Waits between two steps", form=Form)
def rest(job: Job) -> dict[str, Any]:
    """Do a step, and another one when the test creates the file `go` in the folder of the results."""
    go = job.folder / "outputs" / "go"
    go.parent.mkdir(parents=True, exist_ok=True)
    for number in job.track(range(2), unit="step"):
        while number and not go.exists():
            time.sleep(0.05)
    go.unlink()
    return {"steps": 2}
