"""Workers and programs on a cluster: a real Slurm with one node, which is this machine."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from socket import gethostname

import psutil
import pytest

from tests.conftest import PATIENCE, ROOT, Installation, find_program, free_port, needs, wait_for
from tests.test_fitness import needs_root
from tests.test_processes import are_gone, programs
from tests.test_recovery import let_jobs_end, running

pytestmark = [
    pytest.mark.slow,
    pytest.mark.unmeasured,
    needs("munged", "munge"),
    needs("slurmctld", "slurmctld"),
    needs("slurmd", "slurmd"),
    needs("srun", "slurm-client"),
]
lengths = count(20_000 + os.getpid() % 10_000 * 100)  # of the sleep of each test, which identifies its programs
NODE = gethostname().partition(".")[0]

# SLURM_OPTIONS="--time=1 --signal=B:USR1@10" pytest --timeout 300 waits for the real signal before the wall time.
MORE_OPTIONS = os.environ.get("SLURM_OPTIONS", "").split()

CONFIGURATION = f"""
ClusterName=test
SlurmctldHost={NODE}(127.0.0.1)
SlurmctldPort={{controller_port}}
SlurmdPort={{node_port}}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={{folder}}/munge/socket
StateSaveLocation={{folder}}/state
SlurmdSpoolDir={{folder}}/spool
SlurmctldPidFile={{folder}}/slurmctld.pid
SlurmdPidFile={{folder}}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
NodeName={NODE} NodeAddr=127.0.0.1 CPUs=2 RealMemory=1000
PartitionName=all Nodes=ALL Default=YES
"""


class Cluster:
    """munged, slurmctld and slurmd, with all their files in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.configuration = folder, folder / "slurm.conf"
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start the daemons, and wait until the node is idle."""
        for name in ("munge", "state", "spool"):
            (self.folder / name).mkdir(mode=0o755)
        key = self.folder / "munge" / "key"
        key.write_bytes(os.urandom(64))
        key.chmod(0o400)
        ports = {"controller_port": free_port(), "node_port": free_port()}
        self.configuration.write_text(CONFIGURATION.format(folder=self.folder, **ports))
        (self.folder / "cgroup.conf").write_text("CgroupAutomount=no\n")
        files = [f"--{kind}={self.folder}/munge/{kind[:4]}" for kind in ("pid-file", "log-file", "seed-file")]
        self._start(
            "munged", "--foreground", "--force", f"--socket={self.folder}/munge/socket", f"--key-file={key}", *files
        )
        wait_for((self.folder / "munge" / "socket").exists)
        self._start("slurmctld", "-D")
        self._start("slurmd", "-D")
        wait_for(lambda: "idle" in self.run("sinfo", "--noheader", "--format=%t", check=False))

    def _start(self, program: str, *arguments: str) -> None:
        with (self.folder / "log").open("ab") as log:
            command = [str(find_program(program)), *arguments]
            self._processes.append(subprocess.Popen(command, env=self.environ, stdout=log, stderr=log))

    @property
    def environ(self) -> dict[str, str]:
        """The environment of a command of Slurm."""
        return os.environ | {"SLURM_CONF": str(self.configuration)}

    def run(self, *command: str, check: bool = True) -> str:
        """Run a command of Slurm, and return its output."""
        return subprocess.run(
            command, env=self.environ, cwd=self.folder, stdout=subprocess.PIPE, text=True, check=check, timeout=PATIENCE
        ).stdout

    def stop(self) -> None:
        """End all jobs and the daemons."""
        if len(self._processes) == 3:
            self.run("scancel", "--user=root", check=False)
            self.run("scancel", "--user=root", "--signal=KILL", "--full", check=False)
        for process in reversed(self._processes):
            process.terminate()
            process.wait(60)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with one idle node."""
    needs_root()
    mine = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        mine.start()
        yield mine
    finally:
        mine.stop()


@pytest.fixture
def site(own_installation: Installation, cluster: Cluster) -> Installation:
    """Redis, and settings for workers that find the cluster."""
    own_installation.more_environ["worker"] = {"SLURM_CONF": str(cluster.configuration)}
    own_installation.start("redis")
    return own_installation


@pytest.fixture
def batch(site: Installation, cluster: Cluster, tmp_path: Path) -> Iterator[str]:
    """The id of a Slurm job that runs the documented worker, which takes jobs."""
    settings = tmp_path / "settings"
    settings.write_text("".join(f"{name}={value}\n" for name, value in site.environ.items()))
    # The zoo is found through the entry point of the tests.
    script = tmp_path / "worker.sh"
    script.write_text((ROOT / "deploy/slurm/worker.sh").read_text().replace("greeter.worker", "tests.entries"))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    given = {"GREETER_DIR": ROOT, "GREETER_ENV": settings, "GREETER_DRAIN": 6, "PATH": path}
    exported = ",".join(f"{name}={value}" for name, value in given.items())
    options = [f"--export={exported},SLURM_CONF={cluster.configuration}", "--mem=500M", f"--output={site.log}"]
    job = cluster.run("sbatch", *options, "--parsable", *MORE_OPTIONS, str(script)).strip()
    try:
        wait_for(lambda: site.workers() == 1)
        yield job
    finally:
        cluster.run("scancel", job)
        wait_for(lambda: job not in cluster.run("squeue", "--noheader", "--format=%i"))


def remote(length: str) -> list[psutil.Process]:
    """Return the processes that srun started on the node, which do not descend from a worker."""
    return [one for one in programs(length) if "slurmstepd" in [parent.name() for parent in one.parents()]]


def test_a_worker_on_a_cluster_drains_before_its_time_is_over(site: Installation, cluster: Cluster, batch: str) -> None:
    """It finishes a short job, returns a long one uncounted, which another worker runs, and queues itself again."""
    assert site.ended(site.submit("diary", seconds=0.1)).phase == "finished"
    short, long = site.submit("diary", seconds=2.0), site.submit("diary", seconds=100.0)
    workers = [site.redis.hget(f"job:{running(site, job).id}", "worker") for job in (short, long)]
    if not MORE_OPTIONS:
        cluster.run("scancel", "--batch", "--signal=USR1", batch)  # as --signal=B:USR1@3600 does
    wait_for(lambda: site.workers() == 0, 90 if MORE_OPTIONS else PATIENCE)
    waiting = site.submit("diary", seconds=0.1)
    assert (site.ended(short).phase, site.store.find(short).attempts) == ("finished", 1)
    wait_for(lambda: site.store.find(long).phase == "waiting")
    assert site.store.find(waiting).phase == "waiting"
    let_jobs_end(site)
    site.start("worker")
    assert site.ended(waiting).phase == "finished"
    assert (site.ended(long).phase, site.store.find(long).attempts) == ("finished", 1)
    assert site.redis.hget(f"job:{long}", "worker") not in workers
    wait_for(lambda: "JobState=PENDING" in cluster.run("scontrol", "show", "job", batch))
    assert "Restarts=1" in cluster.run("scontrol", "show", "job", batch)


def test_a_cancelled_worker_returns_its_jobs(site: Installation, cluster: Cluster, batch: str) -> None:
    """`scancel`, or a preemption, ends it at once, and the attempt does not count."""
    job = site.submit("diary", seconds=100.0)
    running(site, job)
    cluster.run("scancel", batch)
    wait_for(lambda: site.store.find(job).phase == "waiting")
    let_jobs_end(site)
    site.start("worker")
    assert (site.ended(job).phase, site.store.find(job).attempts) == ("finished", 1)


@pytest.mark.parametrize("way", ["cancel", "time limit", "stop", "kill the worker"])
def test_a_program_on_a_node_ends_with_its_job(site: Installation, way: str) -> None:
    """`job.run(["srun", ...])` ends the remote step too: srun gets TERM and passes it on."""
    site.start("worker")
    length = str(next(lengths))
    job = site.submit("send_away_briefly" if way == "time limit" else "send_away", length=length)
    wait_for(lambda: remote(length) or not site.store.find(job).active)
    steps = remote(length)
    if way != "time limit":
        assert steps[0].rlimit(psutil.RLIMIT_AS)[0] == site.settings.job_memory
    site.redis.hset(f"job:{job}", "attempts", 2)  # so that it does not run again
    if way == "cancel":
        site.jobs.cancel(job)
    if way == "stop":
        site.stop("worker")
    if way == "kill the worker":
        site.signal("worker", signal.SIGKILL)
    assert are_gone(steps)
    wait_for(lambda: programs(length) == [])
    if way == "stop":
        site.jobs.cancel(job)
