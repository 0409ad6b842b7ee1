"""Benchmark of the memory that a search of two million proteins needs, compared with the program phmmer.

    python -m bench.large_targets [SEQUENCES]

The targets are made from the shipped proteins, of which a tenth of the residues are replaced. Every thousandth is a
globin, and so a hit, about as many as in Swiss-Prot. Each other has the length of a shipped protein, and is cut from
those that are no globins. It takes about a minute, and 500 MB in the folder for temporary files.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.support.table import Line, print_table
from greeter.toolkit import read_fasta

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "static/examples"
QUERY = EXAMPLES / "HBB_HUMAN.fa"
SEQUENCES, RELATED = 2_000_000, 1000  # every how many is related to the query
_COPIES = 2000  # of proteins, in a row, from which the others are cut: about a million residues
_TOOL = """
import sys
from pathlib import Path
from greeter.toolkit import Job
from greeter.tools.phmmer import phmmer
folder, query, targets = map(Path, sys.argv[1:])
result = phmmer(Job(folder, cores=2), query=query, database=None, targets=targets, evalue=10.0)
sys.exit(not result["hits"])
"""


def _write_targets(path: Path, number: int) -> None:
    dice = random.Random("targets")  # nosec B311
    globins = [record.sequence for record in read_fasta(EXAMPLES / "globins45.fa")]
    others = [one.sequence for one in read_fasta(EXAMPLES / "human_proteins.fa") if "globin" not in one.header]
    residues = "".join(_relative(dice, others) for _ in range(_COPIES))
    lengths = [len(protein) for protein in (*globins, *others)]
    with path.open("w") as file:
        for count in range(number):
            length = lengths[int(dice.random() * len(lengths))]  # a tenth of the time of dice.choice
            start = int(dice.random() * (len(residues) - length))
            protein = _relative(dice, globins) if count % RELATED == 0 else residues[start : start + length]
            file.write(f">target{count}\n{protein}\n")


def _relative(dice: random.Random, proteins: list[str]) -> str:
    """Return one of these proteins with a tenth of its residues replaced."""
    residues = list(dice.choice(proteins))
    for place in dice.sample(range(len(residues)), len(residues) // 10):
        residues[place] = dice.choice("ACDEFGHIKLMNPQRSTVWY")
    return "".join(residues)


def _measure(command: list[str]) -> tuple[float, float]:
    """Run a command, and return its seconds and the largest memory that it has had, in MB."""
    began, peak = time.perf_counter(), 0
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    status = Path(f"/proc/{process.pid}/status")  # the usage that os.wait4 returns includes the memory before the exec
    try:
        while process.poll() is None:
            _, _, found = status.read_text().partition("VmHWM:")
            peak = int(found.split()[0]) if found else peak  # a process that has just ended has none
            time.sleep(0.02)
    finally:
        process.kill()  # if the benchmark is ended
        process.wait()
    if process.returncode:
        sys.exit(f"{command[0]} has failed")
    return time.perf_counter() - began, peak * 1024 / 1e6


def lines(number: int = SEQUENCES) -> list[Line]:
    """Return the line of the table.

    Args:
        number: The number of targets.
    """
    phmmer = shutil.which("phmmer") or sys.exit("no phmmer: install Debian's package hmmer")
    with TemporaryDirectory() as folder:
        targets = Path(folder, "targets.fa")
        _write_targets(targets, number)
        seconds, memory = _measure([sys.executable, "-c", _TOOL, folder, str(QUERY), str(targets)])
        others = _measure([phmmer, "--cpu", "2", "-o", "/dev/null", str(QUERY), str(targets)])
        size = targets.stat().st_size / 1e6
    beside = f"the program, {others[1]:.0f} MB, {others[0]:.0f} s; {size:,.0f} MB of targets"
    value = f"{memory:.0f} MB, {seconds:.0f} s"
    return [Line(f"memory of phmmer, {number:,} proteins", value, beside, None, "< 500 MB")]


def main() -> None:
    """Print the memory and the time of both."""
    print_table(lines(int(sys.argv[1]) if len(sys.argv) > 1 else SEQUENCES))


if __name__ == "__main__":
    main()
