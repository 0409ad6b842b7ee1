"""Hosts with links that are cut: Redis, the web and two workers, each on a host of its own, with one shared folder."""

import json
import os
import random
import resource
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from greeter.redis_server import find_server
from tests.conftest import Installation, listens, needs, wait_for
from tests.http import fetch, post
from tests.nemesis import invariants
from tests.nemesis.visitors import Visitor
from tests.network import Network
from tests.test_fitness import attempts, needs_root
from tests.test_nemesis import run_for
from tests.test_recovery import let_jobs_end, let_jobs_go_on

SECONDS = int(os.environ.get("NEMESIS_SECONDS", "15"))
SILENCE_LIMIT = 6  # seconds; tests/test_cut_host.py has the default
# In seconds.
LONGEST_CUTS = {"worker": 1.5 * SILENCE_LIMIT + 12, "worker-2": 4.0, "web": 4.0, "redis": 4.0}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(SECONDS + 224), needs("ip", "iproute2")]


class Hosts(Installation):
    """An installation whose processes run on the hosts of a network. The test is a host too, whose link is not cut."""

    def __init__(self, folder: Path, network: Network, silence_limit: int) -> None:
        self.network = network
        url = f"redis://:secret@{network.address('redis')}:6379/0"
        super().__init__(folder, redis_url=url, silence_limit=silence_limit)
        self.more_environ["web"] = {"_REDIS_SECONDS": ""}  # so that it answers while it is cut off

    def command(self, name: str) -> list[str]:
        """Run each process on the host with its name; Redis is a server that others run."""
        command = super().command(name)
        if name == "redis":
            folder = self.settings.data_dir / "redis"
            folder.mkdir(exist_ok=True)
            options = {"bind": self.network.address("redis"), "requirepass": "secret", "dir": folder}
            options |= {"appendonly": "yes", "appendfsync": "always", "save": "", "maxmemory-policy": "noeviction"}
            command = [find_server(), *(str(word) for name, value in options.items() for word in (f"--{name}", value))]
        return self.network.command(name, command)

    def launch(self, name: str) -> None:
        """Start a process. It may open few files, which some tools use up."""
        super().launch(name)
        resource.prlimit(self.pid(name), resource.RLIMIT_NOFILE, (256, 256))

    def _web_answers(self, name: str) -> bool:
        with self.network.inside("web"):
            return listens(self.settings.web_port)

    @contextmanager
    def cut(self, host: str) -> Iterator[None]:
        """Cut a host off for a while."""
        self.network.cut(host)
        try:
            yield
        finally:
            self.network.restore(host)


class LocalVisitor(Visitor):
    """A visitor on the host of the web, whose requests arrive when that host is cut off."""

    def __init__(self, site: Hosts, seed: int) -> None:
        super().__init__(site, seed)
        self._network = site.network

    def run(self) -> None:
        """Visit from there."""
        with self._network.inside("web"):
            super().run()


@contextmanager
def running_hosts(folder: Path, *names: str, silence_limit: int = SILENCE_LIMIT) -> Iterator[Hosts]:
    """Start hosts with these processes, and stop them in the end."""
    needs_root()
    with Network(*names) as network, network.inside(), closing(Hosts(folder, network, silence_limit)) as mine:
        mine.start(*names)
        yield mine


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    """Four hosts, with all processes running."""
    with running_hosts(tmp_path_factory.mktemp("shared"), "redis", "web", "worker", "worker-2") as mine:
        yield mine


@pytest.fixture
def at_web(site: Hosts) -> Iterator[None]:
    """Send the requests of a test on the host of the web."""
    with site.network.inside("web"):
        yield


def host_of(site: Hosts, job: str) -> str:
    """Return the host of the worker that runs a job, or ran it last."""
    worker = site.redis.hget(f"job:{job}", "worker")
    return worker.decode().partition("@")[0] if worker else ""


def test_the_web_answers_while_it_is_cut_off_from_redis(site: Hosts, at_web: None) -> None:
    """Pages and submissions get a sentence, and then work again. The jobs do not notice."""

    def accepted(seconds: str) -> str:
        return wait_for(lambda: post(site, "/tools/diary", seconds=seconds).headers["Location"])

    job = accepted("6")
    with site.cut("web"):
        page, form = fetch(site, job), post(site, "/tools/expensive_greet", person="Ada", total="1")
        assert (page.status, "Wait a few seconds, then reload this page" in page.body) == (503, True)
        assert (form.status, "wait a few seconds, then submit it" in form.body, "Ada" in form.body) == (503, True, True)
        assert fetch(site, "/health/live").status == 200
        assert fetch(site, "/health/ready").status == 503
    wait_for(lambda: fetch(site, "/health/ready").status == 200)
    wait_for(lambda: json.loads(fetch(site, f"{job}.json").body)["phase"] == "finished")
    assert accepted("0.1")


def test_jobs_survive_a_restart_of_redis_on_its_host(site: Hosts) -> None:
    """Both workers connect again; running jobs go on, waiting ones start."""
    jobs = [site.submit("diary", seconds=100.0) for _ in range(6)]
    wait_for(lambda: sum(site.store.find(job).phase == "running" for job in jobs) == 4)  # two of each worker
    site.stop("redis")
    time.sleep(2)
    site.start("redis")
    let_jobs_end(site)
    assert attempts(site, jobs) == {("finished", 1)}
    let_jobs_go_on(site)
    assert {host_of(site, job) for job in jobs} == {"worker", "worker-2"}


def mount(site: Hosts, name: str, *command: str) -> None:
    """Run a command of mount on the host of a process; its mounts are not seen on others."""
    subprocess.run(["nsenter", f"--target={site.pid(name)}", "--mount", *command], check=True)


def test_a_worker_without_the_folder_leaves_the_cleaning_to_another(site: Hosts) -> None:
    """An expired job keeps its record until a worker has removed its files."""
    jobs, folder = site.store.files.root, str(site.settings.data_dir)
    expired = site.submit("diary", seconds=0.1)
    site.ended(expired)
    site.stop("worker")
    mount(site, "worker-2", "mount", "-t", "tmpfs", "none", folder)
    wait_for(lambda: len(site.store.statistics().unfit) == 1)
    site.redis.zincrby("jobs:ended", -site.settings.retention - 1, expired)
    time.sleep(7)  # a sweep
    assert site.redis.exists(f"job:{expired}")
    assert (jobs / expired).exists()
    site.start("worker")
    wait_for(lambda: not site.redis.exists(f"job:{expired}"))
    assert not (jobs / expired).exists()
    assert len(site.store.statistics().unfit) == 1
    mount(site, "worker-2", "umount", folder)
    wait_for(lambda: site.store.statistics().unfit == [])


class Cuts(threading.Thread):
    """Cuts off one host, again and again, until stopped.

    Args:
        site: The hosts.
        host: The host.
        choose: The source of chance.

    Attributes:
        done: For how many seconds it was cut off each time.
        errors: Why it could not be cut off.
        stopped: Set this to stop.
    """

    def __init__(self, site: Hosts, host: str, choose: random.Random) -> None:
        super().__init__(name=host)
        self._site, self._choose = site, choose
        self.done: list[int] = []
        self.errors: list[str] = []
        self.stopped = threading.Event()

    def run(self) -> None:
        """Cut the link and restore it, with pauses of some seconds."""
        while not self.stopped.wait(self._choose.uniform(2, 8)):
            seconds = self._choose.uniform(0.5, LONGEST_CUTS[self.name])
            self.done.append(round(seconds))
            try:
                with self._site.cut(self.name):
                    time.sleep(seconds)
            except subprocess.CalledProcessError as error:
                self.errors.append(f"{self.name}: {error.stderr}")


def test_accepted_jobs_survive_cut_links(site: Hosts) -> None:
    """Whatever link is cut, for however long: no job is lost, and its state, as visitors see it, only goes forward."""
    seed = int(os.environ.get("NEMESIS_SEED", random.randrange(1_000_000)))
    print(f"\nNEMESIS_SEED={seed}")
    cuts = [Cuts(site, host, random.Random(f"{seed} {host}")) for host in LONGEST_CUTS]
    visitors = [LocalVisitor(site, number) for number in range(3)]
    threads: list[Cuts | Visitor] = [*cuts, *visitors]
    run_for(SECONDS, threads)
    accepted = [path.removeprefix("/jobs/") for visitor in visitors for path in visitor.accepted]
    found = [error for thread in threads for error in thread.errors]
    records = invariants.ended(site, accepted)
    with site.network.inside("web"):
        found += [error for visitor in visitors for error in visitor.final_errors()]
    found += invariants.violations(
        {
            "load": lambda: invariants.check_load(accepted, SECONDS // 4),
            "ends": lambda: invariants.check_ends(records),
            "failures": lambda: invariants.check_failures(records),
            "files": lambda: invariants.check_files(site, records),
            "leftovers": lambda: invariants.check_leftovers(site),
        }
    )
    ends = Counter(record.phase for record in records.values() if record)
    print(f"\n{len(records)} jobs: {dict(ends)}; seconds of cuts: { {one.name: one.done for one in cuts} }")
    assert not found, "\n".join(found)
