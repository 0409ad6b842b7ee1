"""A job that needs too much memory fails with a sentence about memory, and its worker goes on."""

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import psutil
import pytest

from greeter.jobs.failures import CRASHED, OUT_OF_MEMORY
from greeter.tools.phmmer import phmmer
from tests.conftest import ROOT, Installation, wait_for

HEMOGLOBIN = (ROOT / "static/examples/HBB_HUMAN.fa").read_bytes().partition(b"\n")[2].replace(b"\n", b"")
LIMIT = 200_000_000  # bytes


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Redis and a worker whose jobs get little memory."""
    with closing(Installation(tmp_path_factory.mktemp("site"), job_memory=LIMIT)) as mine:
        mine.start("redis", "worker")
        yield mine


def protein(name: str, length: int) -> bytes:
    """Make a FASTA record of human hemoglobin, over and over."""
    return b">%s\n%s\n" % (name.encode(), (HEMOGLOBIN * (length // len(HEMOGLOBIN) + 1))[:length])


def write(path: Path, *records: bytes) -> Path:
    """Write records to a file, and return its path."""
    path.write_bytes(b"".join(records))
    return path


def test_the_worst_case_of_phmmer_is_its_longest_query_against_its_longest_target(tmp_path: Path) -> None:
    """Without targets, the longest query is compared with itself."""
    query = write(tmp_path / "query", protein("short", 9), protein("long", 2000))
    targets = write(tmp_path / "targets", protein("huge", 3000), protein("tiny", 9))
    assert phmmer.memory
    need = phmmer.memory(query, targets, 10.0)
    assert need.bytes == 36 * 2000 * 3000
    assert need.because == "Comparing query 'long' (2,000 residues) with target 'huge' (3,000 residues)"
    assert phmmer.memory(query, None, 10.0).bytes == 36 * 2000 * 2000


def test_titin_is_compared_with_ordinary_proteins_but_not_with_itself(tmp_path: Path) -> None:
    """The longest human protein has 34,350 residues; with the defaults, the other one may have 3,473."""
    titin = write(tmp_path / "titin", protein("TITIN", 34_350))
    ordinary = write(tmp_path / "ordinary", protein("ordinary", 3400))
    assert phmmer.memory_problem({"query": titin, "targets": ordinary, "evalue": 1.0}, 4 * 2**30) is None
    assert phmmer.memory_problem({"query": titin, "targets": None, "evalue": 1.0}, 4 * 2**30) == (
        "Comparing query 'TITIN' (34,350 residues) with target 'TITIN' (34,350 residues) may need 39.6 GiB of memory, "
        "but a job may use 4.0 GiB. Split the longer one into parts, or leave one of them out."
    )


@pytest.mark.slow
def test_a_worker_refuses_a_search_that_needs_too_much_memory(site: Installation) -> None:
    """A worker may have less memory than the web assumes; nothing is searched."""
    job = site.submit("phmmer", query=protein("long", 3000), database=None, targets=None, evalue=10.0)
    record = site.ended(job)
    assert (record.phase, record.attempts) == ("failed", 1)
    assert "query 'long' (3,000 residues)" in str(record.user_message)
    assert site.ended(
        site.submit("phmmer", query=protein("short", 146), database=None, targets=None, evalue=10.0)
    ).has_result


@pytest.mark.slow
@pytest.mark.parametrize("tool", ["devour", "outsource_devouring"])
def test_a_job_that_exceeds_its_memory_fails_and_its_process_goes_on(site: Installation, tool: str) -> None:
    """This applies to the tool and to its program. Afterwards the process still works, even after five such jobs."""
    before = psutil.Process(site.pid("worker")).children()
    for _ in range(5):
        record = site.ended(site.submit(tool))
        assert (record.user_message, record.attempts) == (OUT_OF_MEMORY, 1)
    assert site.ended(site.submit("diary", seconds=0.1)).phase == "finished"
    assert psutil.Process(site.pid("worker")).children() == before
    assert max(process.memory_info().data for process in before) < LIMIT  # and what the jobs had is free again


@pytest.mark.slow
def test_a_crash_names_memory_as_the_likely_reason(site: Installation) -> None:
    """HMMER crashes when it gets no memory. The job fails after its second attempt, and the worker goes on."""
    unchecked = site.submit("phmmer_unchecked", query=protein("long", 3000), database=None, targets=None, evalue=10.0)
    crashing = site.submit("crash")
    for job in (unchecked, crashing):
        record = site.ended(job)
        assert (record.phase, record.attempts, record.user_message) == ("failed", 2, CRASHED)
    assert site.ended(site.submit("diary", seconds=0.1)).phase == "finished"


@pytest.mark.slow
def test_the_kernel_prefers_to_kill_a_job(site: Installation) -> None:
    """The processes of jobs have a higher score than the main process of the worker, which keeps its own."""
    worker = psutil.Process(site.pid("worker"))
    expected = [Path("/proc/self/oom_score_adj").read_text().strip(), "500", "500"]
    wait_for(lambda: [_oom_score(one) for one in (worker, *worker.children())] == expected)


def _oom_score(process: psutil.Process) -> str:
    return Path(f"/proc/{process.pid}/oom_score_adj").read_text().strip()


@pytest.mark.slow
def test_processes_share_the_memory_of_what_they_load(own_installation: Installation) -> None:
    """The web processes and those of a worker's pool are forked when everything is loaded, and copy little of it."""
    own_installation.start("redis", "worker", "web")
    mains = [psutil.Process(own_installation.pid(name)) for name in ("worker", "web")]
    wait_for(lambda: [len(main.children()) for main in mains] == [2, 2])
    for process in [forked for main in mains for forked in main.children()]:
        wait_for(partial(_has_loaded_everything, process))
        memory = process.memory_full_info()
        assert memory.uss < memory.rss / 3, process.cmdline()


def _has_loaded_everything(process: psutil.Process) -> bool:
    return bool(process.memory_info().rss > 40 * 2**20)
