"""Shared fixtures: whole installations with a real Redis, worker and web server, and a browser."""

from __future__ import annotations

import gc
import logging
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import fields
from functools import cache, partial
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NoReturn

import psutil
import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis, RedisError
from redis import TimeoutError as RedisTimeoutError

from greeter import create_app, tools
from greeter.jobs.errors import UNAVAILABLE
from greeter.jobs.files import probe
from greeter.jobs.record import Record
from greeter.jobs.records import scripts
from greeter.jobs.records.statistics import QueueStatistics
from greeter.jobs.records.store import Store
from greeter.jobs.service import JobService
from greeter.jobs.worker.celery_app import CeleryApp
from greeter.settings import Settings
from tests.compiled import CompiledRule, CompiledTemplates
from tests.tiers import may_select

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.mail import MailServer

ROOT = Path(__file__).parents[1]
PROCFILE = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())
PATIENCE = 60  # seconds in which what is certain to happen happens, even on a machine that is busy
CHROMIUM = Path("/usr/bin/chromium")
QUIET = ["--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
NAMES = "--host-resolver-rules=MAP *.test 127.0.0.1"  # unlike localhost, not a secure context

# The environment of processes that are left out of coverage, which halves the CPU time of their start.
UNMEASURED = {"COVERAGE_PROCESS_CONFIG": ""}

# The misbehaving tools of the tests are found like any others: as files in a folder of tools.
tools.__path__.append(str(ROOT / "tests" / "zoo"))


def pytest_configure() -> None:
    """Give the tests settings of their own, whatever those of the adopter are, and code that is compiled only once."""
    for declared in fields(Settings):
        os.environ.pop(declared.name.upper(), None)
    os.environ["FLASK_SKIP_DOTENV"] = "1"  # otherwise, Flask prints a tip if there is a .env in the checkout
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # often set in containers; the tests start hundreds of processes
    sys.dont_write_bytecode = False
    probe._PATIENCE = scripts._PATIENCE = PATIENCE  # a pause of the machine is no disk or Redis that hangs
    os.environ |= dict.fromkeys(("_FOLDER_SECONDS", "_REDIS_SECONDS"), str(PATIENCE))  # in tests/entries.py
    Flask.jinja_options = {"bytecode_cache": CompiledTemplates()}
    Flask.url_rule_class = CompiledRule


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out files without a test that `-m` selects: the imports of all files take seconds in each process."""
    expression = config.option.markexpr
    if not expression or not collection_path.match("test_*.py") or may_select(expression, collection_path.read_text()):
        return None
    return True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the files that take longest, so that no process is left with one of them when all others are done.

    These are the files with the longest timeouts, and then the others with slow tests. pytest-xdist would start with
    those that have the most tests, which `make test` prevents with --no-loadscope-reorder.
    """
    durations: defaultdict[Path, float] = defaultdict(float)
    for item in items:
        timeouts = [mark.args[0] for mark in item.iter_markers("timeout")]
        durations[item.path] = max(durations[item.path], *timeouts, bool(item.get_closest_marker("slow")))
    items.sort(key=lambda item: -durations[item.path])


def pytest_collectstart() -> None:
    """Import the tests without garbage collections, which would find nothing."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Exclude what was imported from the garbage collections of the tests, which would visit it again and again."""
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_unconfigure() -> None:
    """Give back the range of ports."""
    for guard in _GUARDS:
        guard.close()


def wait_for(what: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """Call a function about 20 times a second until it returns a true value, which is returned. Else the test fails.

    Each call counts for a second at most, so that a pause of the machine does not use up the time.
    """
    left = seconds
    while left > 0:
        began = time.monotonic()
        with suppress(RedisTimeoutError):
            if found := what():
                return found
        time.sleep(0.05)
        left -= min(time.monotonic() - began, 1)
    pytest.fail(f"not within {seconds} s")


_FIRST_PORTS = range(10_000, 32_000, 500)  # below the ports that systems choose for clients
_GUARDS: list[socket.socket] = []


@cache
def _own_ports() -> Iterator[int]:
    """Return the ports of a range that other processes leave to this one, because it has bound the first of them."""
    for first in random.sample(_FIRST_PORTS, len(_FIRST_PORTS)):
        with suppress(OSError):
            _GUARDS.append(socket.create_server(("127.0.0.1", first)))
            return cycle(range(first + 1, first + _FIRST_PORTS.step))
    pytest.fail("all ports for tests are in use")


def free_port() -> int:
    """Return a local port that is not in use, and that no other process that runs tests will use."""
    while True:
        port = next(_own_ports())
        with suppress(OSError), socket.socket() as found:
            found.bind(("127.0.0.1", port))
            return port


def find_program(name: str) -> str | None:
    """Return the path of a program, even where Debian keeps those of root."""
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")


def needs(program: str, package: str) -> pytest.MarkDecorator:
    """Skip a test if a program that it needs is missing; in CI, fail, so that nothing goes untested there.

    `package` is the Debian package that contains it.
    """
    missing = find_program(program) is None
    if missing and "CI" in os.environ:
        pytest.fail(f"{program} is missing: add Debian's package {package} to .ci/run", pytrace=False)
    return pytest.mark.skipif(missing, reason=f"no {program}: install Debian's package {package}")


def skip(reason: str) -> NoReturn:
    """Skip the current test; in CI, fail."""
    (pytest.fail if "CI" in os.environ else pytest.skip)(reason)


def listens(port: int) -> bool:
    """Return whether a local port accepts connections."""
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    return False


def compiled_library(folder: Path, source: str) -> str:
    """Compile C code to a library in a folder, which a process can preload, and return its path."""
    compiler = shutil.which("cc")
    if not compiler:
        skip("no C compiler: install Debian's package gcc")
    library = folder / "preloaded.so"
    command = [str(compiler), "-shared", "-fPIC", "-x", "c", "-o", str(library), "-"]
    subprocess.run(command, input=source, text=True, check=True)
    return str(library)


REFUSING = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static int refuses(void) { return access(getenv("REFUSES"), F_OK) == 0; }

pid_t fork(void) {
  pid_t (*real)(void) = dlsym(RTLD_NEXT, "fork");
  errno = EAGAIN;
  return refuses() ? -1 : real();
}

pid_t vfork(void) { return fork(); }

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *), void *argument) {
  int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) = dlsym(RTLD_NEXT, "pthread_create");
  return refuses() ? EAGAIN : real(thread, attributes, function, argument);
}
"""


def refusing(folder: Path) -> dict[str, str]:
    """Return variables for processes to which the system refuses processes and threads while a file exists.

    That is the file REFUSES.
    """
    return {"LD_PRELOAD": compiled_library(folder, REFUSING), "REFUSES": str(folder / "refuses")}


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Limit the size of the files that this process may write."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """Mount a small file system in memory on a new folder while the body runs.

    Its size is as tmpfs takes it, such as "40m".
    """
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "none", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        skip("mounting needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


class Installation:
    """A complete installation on its own ports, whose processes are the lines of the Procfile.

    Args:
        folder: Its DATA_DIR, an existing folder.
        **settings: Settings that differ from those of most tests.

    Attributes:
        settings: Its settings.
        more_environ: Additional environment variables for a kind of process, such as "worker", or one "worker-2".
        code: The folder of another version of the code, by the name of a process.
        celery: The Celery app, to submit and follow jobs; without tasks, as in the web.
        log: The file with the output of all its processes.
    """

    def __init__(self, folder: Path, **settings: Any) -> None:
        defaults: dict[str, Any] = {
            "redis_url": f"redis://:secret%20words%20of%20ours@127.0.0.1:{free_port()}/0",
            "flower_basic_auth": "operator:open-sesame-and-more",
            "time_limit_grace": 2,
            "silence_limit": PATIENCE // 2,  # a job that is lost by chance restarts while a test waits for it
            "max_active": 1000,
            "submits_per_minute": 100_000,
            "requests_per_minute": 1_000_000,
        }
        ports = {"web_port": free_port(), "flower_port": free_port()}
        self.settings = Settings(**{"data_dir": folder} | ports | defaults | settings)
        self.more_environ: dict[str, dict[str, str]] = {}
        self.code: dict[str, Path] = {}
        self.celery = CeleryApp(self.settings)
        self.log = folder / "log"
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._launched: dict[str, float] = {}

    @property
    def jobs(self) -> JobService:
        """The job service."""
        return self.celery.jobs

    @property
    def store(self) -> Store:
        """The store of the records."""
        return self.jobs.store

    @property
    def redis(self) -> Redis:
        """The connection of the store."""
        return self.store.redis

    @property
    def environ(self) -> dict[str, str]:
        """The settings as environment variables for the processes."""
        values = {field.name.upper(): getattr(self.settings, field.name) for field in fields(self.settings)}
        return {
            name: ",".join(value) if isinstance(value, tuple) else str(value)
            for name, value in values.items()
            if value is not None
        }

    def start(self, *names: str) -> None:
        """Start lines of the Procfile, and wait until each answers. A process that was killed is started again.

        "worker-2" is an additional worker, and "worker-old" one without the tools in tests/zoo.
        """
        for name in names:
            self.launch(name)
            wait_for(partial(self.answers, name))  # long under load, or while Redis is down

    def launch(self, name: str) -> None:
        """Start a process, and do not wait until it answers."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        if name in self._running:  # it was killed, or did not answer in time
            self._running[name].kill()
            self._running.pop(name).wait()
        self._launched[name] = time.monotonic()
        more = self.more_environ.get(name.partition("-")[0], {}) | self.more_environ.get(name, {})
        with self.log.open("ab") as log:
            self._running[name] = subprocess.Popen(
                self.command(name),
                cwd=self.code.get(name, ROOT),
                env=os.environ | self.environ | more | {"PATH": path, "PYTHONFAULTHANDLER": "1"},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def command(self, name: str) -> list[str]:
        """Return the command of a process."""
        kind = name.partition("-")[0]
        line = PROCFILE[kind]
        if name not in self.code and not name.endswith("-old"):
            line = line.replace("wsgi:app", "tests.entries:web()").replace("greeter.worker", "tests.entries")
        return line.split()[1:] + (["--hostname", f"{name}@test"] if kind == "worker" else [])

    def answers(self, name: str) -> bool:
        """Return whether a process answers."""
        return bool(getattr(self, f"_{name.partition('-')[0]}_answers")(name))

    def pid(self, name: str) -> int:
        """The id of the process with this name."""
        return self._running[name].pid

    def signal(self, name: str, number: int) -> None:
        """Send a signal to a process; after SIGKILL, wait until it has ended.

        For "redis", SIGKILL goes to the supervisor, with which the server ends, because it would restart a server that
        was killed. Other signals go to the server.
        """
        process = self._running[name]
        server = psutil.Process(process.pid).children() if name == "redis" else []
        if number == signal.SIGKILL:
            process.kill()
            process.wait()
            psutil.wait_procs(server, PATIENCE)
        else:
            (server[0] if server else process).send_signal(number)

    def is_running(self, name: str) -> bool:
        """Return whether a process that was started is still running."""
        return self.status(name) is None

    def status(self, name: str) -> int | None:
        """Return the exit status of a process, negative if a signal ended it, or None if it is still running."""
        return self._running[name].poll()

    def stop(self, *names: str) -> None:
        """Stop the named processes, or all of them. If one does not stop, the test fails and shows where it hung."""
        hung = []
        for name in names or reversed(list(self._running)):
            process = self._running.pop(name)
            process.send_signal(signal.SIGCONT)
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                hung.append(name)
                process.send_signal(signal.SIGABRT)  # with which Python writes the stacks of all threads to the log
                process.wait()
        if hung:
            pytest.fail(f"not stopped within {PATIENCE} s: {', '.join(hung)}. The log:\n{self.log.read_text()[-8000:]}")

    def close(self) -> None:
        """Stop all processes and close all connections."""
        try:
            self.stop()
        finally:
            self.celery.close()
            self.redis.close()

    def submit(self, tool: str, **params: Any) -> str:
        """Submit a job without the web, and return its id. Parameters that are bytes are written to files."""
        with TemporaryDirectory() as folder:
            for name, value in params.items():
                if isinstance(value, bytes):
                    params[name] = Path(folder, name)
                    params[name].write_bytes(value)
            return self.jobs.submit(tools.load()[tool], params)

    def workers(self, queue: str = "celery") -> int:
        """Return how many workers take jobs from a queue."""
        return self.store.statistics().queues.get(queue, QueueStatistics()).workers

    def ended(self, job_id: str, seconds: float = PATIENCE) -> Record:
        """Wait for the end of a job, and return its record."""
        return wait_for(lambda: (record := self.store.find(job_id)).active is False and record, seconds)

    def _redis_answers(self, name: str) -> bool:
        with suppress(RedisError):
            return bool(self.redis.ping())
        return False

    def _worker_answers(self, name: str) -> bool:
        age = time.monotonic() - self._launched[name]
        seconds = min(max(0.3, age / 20), 3)  # a worker that takes long to start may take long to answer
        with suppress(*UNAVAILABLE):
            return bool(self.celery.control.ping([f"{name}@test"], timeout=seconds))
        return False

    def _web_answers(self, name: str) -> bool:
        return listens(self.settings.web_port)

    def _flower_answers(self, name: str) -> bool:
        return listens(self.settings.flower_port)


@pytest.fixture(autouse=True)
def without_coverage(request: pytest.FixtureRequest) -> None:
    """Leave out of coverage the processes that a test with the mark `unmeasured` starts."""
    if request.node.get_closest_marker("unmeasured"):
        for name, value in UNMEASURED.items():
            request.getfixturevalue("monkeypatch").setenv(name, value)


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A running installation, shared by all tests that leave it as they found it."""
    folder = tmp_path_factory.mktemp("installation")
    settings = {
        "smtp_url": f"smtp://127.0.0.1:{free_port()}",  # where nothing listens
        "time_limit_grace": PATIENCE,  # for a tool that returns what it has at its soft limit
    }
    with closing(Installation(folder, **settings)) as with_worker:
        with_worker.start("redis", "worker", "web")
        yield with_worker


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    if not CHROMIUM.exists() and "CI" not in os.environ:
        pytest.skip("no browser: install Debian's package chromium")
    from playwright.sync_api import expect, sync_playwright  # here, because it takes a tenth of a second

    expect.set_options(timeout=1000 * PATIENCE)
    sandbox = [] if os.getuid() else ["--no-sandbox"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=[*QUIET, NAMES, *sandbox])
        chromium.on("context", lambda context: context.set_default_timeout(1000 * PATIENCE))
        yield chromium


@pytest.fixture
def own_installation(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    """An installation for one test that breaks things; nothing is started yet."""
    more = {"silence_limit": 6} if request.node.get_closest_marker("silence") else {}
    with closing(Installation(tmp_path, **more)) as mine:
        yield mine
        if mine.log.exists():
            logging.warning(mine.log.read_text(errors="replace")[-8000:])  # pytest shows it after a failure


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation whose Redis is that of all tests that use `with_redis`. It need not survive anything."""
    with closing(Installation(tmp_path_factory.mktemp("redis"))) as server:
        server.start("redis")
        server.redis.config_set("appendfsync", "no")  # replies come within a second also while others use the disk
        yield server


@pytest.fixture
def with_redis(tmp_path: Path, redis_server: Installation) -> Iterator[Installation]:
    """An installation with an empty Redis that is not stopped, killed or suspended, and no other process."""
    server: Any = redis_server.redis
    server.flushall()
    before = server.config_get()
    with closing(Installation(tmp_path, redis_url=redis_server.settings.redis_url)) as mine:
        yield mine
    for thread in threading.enumerate():
        if thread.name == "probe":  # it could write into the Redis of the next test
            thread.join(PATIENCE)
    for name, value in server.config_get().items():
        if value != before[name]:
            server.config_set(name, before[name])


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    """A running mail server."""
    from tests.mail import MailServer  # here, because it imports this file

    mine = MailServer()
    mine.start()
    yield mine
    mine.stop()


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """The web application without Redis or a worker. What its commands leave is below tmp_path."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return create_app(Settings(data_dir=tmp_path, redis_url=f"redis://127.0.0.1:{free_port()}/0"))


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client of the web application without Redis or a worker."""
    return app.test_client()


@pytest.fixture
def tool_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder for more tools, in files whose names start with zz_."""
    folder = tmp_path / "tools"
    folder.mkdir()
    monkeypatch.setattr(tools, "__path__", [*tools.__path__, str(folder)])
    # Bytecode of a file that changed within a second would be taken for that of the new text, if its size is the same.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield folder
    for name in [name for name in sys.modules if name.startswith("greeter.tools.zz_")]:
        del sys.modules[name]
