"""Benchmark of the memory that a search of two million proteins needs, beside the program phmmer.

    python -m bench.large_targets [SEQUENCES]

The targets are made from the shipped globins: each is one of them, with a tenth of its residues replaced, and a random
protein around it. No hit is good enough to be reported, because hits need memory of their own. It takes some minutes,
and 800 MB in the folder for temporary files.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
QUERY = ROOT / "static/examples/HBB_HUMAN.fa"
LETTERS = "ACDEFGHIKLMNPQRSTVWY"
RANDOM = 200  # residues of each target
_TOOL = """
import sys
from pathlib import Path
from greeter.toolkit import Job
from greeter.tools.phmmer import phmmer
folder, query, targets = map(Path, sys.argv[1:])
phmmer(Job(folder), query=query, targets=targets, evalue=1e-300)
"""


def _write_targets(path: Path, number: int) -> None:
    dice = random.Random("targets")  # nosec B311
    globins = [
        "".join(record.split("\n")[1:]) for record in (ROOT / "static/examples/globins45.fa").read_text().split(">")[1:]
    ]
    surroundings = "".join(dice.choices(LETTERS, k=1_000_000))
    with path.open("w") as file:
        for count in range(number):
            residues = list(dice.choice(globins))
            for place in dice.sample(range(len(residues)), len(residues) // 10):
                residues[place] = dice.choice(LETTERS)
            start = dice.randrange(len(surroundings) - RANDOM)
            file.write(f">target{count}\n{surroundings[start : start + RANDOM]}{''.join(residues)}\n")


def _measure(command: list[str]) -> tuple[float, float]:
    """Run a command, and return its seconds and the largest memory that it has had, in MB."""
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command[0]} has failed")
    return time.perf_counter() - began, usage.ru_maxrss / 1024


def main() -> None:
    """Print the memory and the time of both."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000_000
    phmmer = shutil.which("phmmer") or sys.exit("no phmmer: install Debian's package hmmer")
    with TemporaryDirectory() as folder:
        targets = Path(folder, "targets.fa")
        _write_targets(targets, number)
        print(f"{number:,} targets, {targets.stat().st_size / 1e6:,.0f} MB")
        program = [phmmer, "--cpu", "1", "-o", "/dev/null", "-E", "1e-300", str(QUERY), str(targets)]
        tool = [sys.executable, "-c", _TOOL, folder, str(QUERY), str(targets)]
        for name, command in (("the tool", tool), ("the program", program)):
            seconds, memory = _measure(command)
            print(f"{name}: at most {memory:,.0f} MB of memory, {seconds:,.0f} s")


if __name__ == "__main__":
    main()
