"""Benchmark of a protein search from submission to result, compared with the program phmmer.

    python -m bench.phmmer

Searches 10 random proteins in 15,000, about 5 MB, with one core and with two. All write the text and the tables. They
are measured in turn, with the same files. A job ends with the time in its record.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.support.stack import must_finish, stack
from bench.support.table import Line, print_table
from tests.conftest import Installation

QUERIES, TARGETS, ROUNDS = 10, 15_000, 10
_LETTERS, _FREQUENCIES = "ACDEFGHIKLMNPQRSTVWY", (8, 1, 5, 6, 4, 7, 2, 6, 6, 10, 2, 4, 5, 4, 5, 7, 5, 7, 1, 3)


def _proteins(number: int, name: str) -> bytes:
    """Make random proteins of 150 to 500 residues, the same each time."""
    dice = random.Random(name)  # nosec B311
    lengths = [dice.randint(150, 500) for _ in range(number)]
    records = (
        f">{name}{count}\n{''.join(dice.choices(_LETTERS, _FREQUENCIES, k=length))}\n"
        for count, length in enumerate(lengths)
    )
    return "".join(records).encode()


def _job(installation: Installation, folder: Path) -> float:
    files = {"query": folder / "query", "targets": folder / "targets"}
    began = time.time()
    job_id = installation.submit("phmmer", **files, database=None, evalue=10.0)
    must_finish(installation, job_id)
    ended: Any = installation.redis.hget(f"job:{job_id}", "ended")  # by the clock of the same machine
    return float(ended) - began


def _program(folder: Path, cores: int) -> float:
    phmmer = shutil.which("phmmer") or sys.exit("no phmmer: install Debian's package hmmer")
    began = time.perf_counter()
    written = {"-o": "text", "--tblout": "targets.tbl", "--domtblout": "domains.tbl"}
    options = [word for option, name in written.items() for word in (option, str(folder / name))]
    files = [str(folder / "query"), str(folder / "targets")]
    subprocess.run([phmmer, "--cpu", str(cores), *options, *files], check=True)
    return time.perf_counter() - began


def lines() -> list[Line]:
    """Return the lines of the table."""
    found = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "query").write_bytes(_proteins(QUERIES, "query"))
        (folder / "targets").write_bytes(_proteins(TARGETS, "target"))
        for cores in (1, 2):
            with stack("redis", "worker", job_cores=cores) as site:
                rounds = [(_job(site, folder), _program(folder, cores)) for _ in range(ROUNDS)]
            job, program = (min(seconds) for seconds in zip(*rounds, strict=True))
            figure = f"phmmer, {QUERIES} x {TARGETS:,} proteins, JOB_CORES={cores}"
            beside = f"phmmer --cpu {cores}, {program:.2f} s"
            found.append(Line(figure, f"{job:.2f} s", beside, job / program, "<= 1.05"))
    return found


def main() -> None:
    """Print the seconds."""
    print_table(lines())


if __name__ == "__main__":
    main()
