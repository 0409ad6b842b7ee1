"""Configuration of gunicorn, which loads this file by its name."""

import ctypes
import gc
import logging
import os
import resource
import select
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path

from gunicorn.arbiter import Arbiter
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.workers.base import Worker

from greeter.jobs.records import redis_check
from greeter.jobs.worker import fitness
from greeter.logs import configure
from greeter.output import open_missing_streams
from greeter.settings_loader import load_settings
from greeter.web.server import gunicorn_worker

open_missing_streams()
_log = logging.getLogger("gunicorn.error")
_settings = load_settings()
_host = f"[{_settings.web_host}]" if ":" in _settings.web_host else _settings.web_host
_soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
_descriptors = max(_soft, 4096 if _hard == resource.RLIM_INFINITY else min(_hard, 4096))
resource.setrlimit(resource.RLIMIT_NOFILE, (_descriptors, _hard))
_memory = Path("/dev/shm")  # gunicorn's files there have no name  # nosec B108

bind = f"{_host}:{_settings.web_port}"
worker_class = gunicorn_worker.Worker if hasattr(select, "epoll") else "gthread"  # macOS, for development, has none
workers = 2
threads = 32  # a poll takes milliseconds, but a slow client occupies a thread while it sends a body
worker_connections = min(1000, _descriptors // 2)  # a process exits when it has no descriptor for one; others wait
keepalive = 5  # seconds, longer than a page waits between two polls, so that they share a connection
timeout = 30
graceful_timeout = 4  # honcho kills after 5 seconds
sendfile = False  # it would wait indefinitely for a client that does not read
max_requests, max_requests_jitter = 20_000, 2_000  # replaces a worker before a memory leak matters
limit_request_line, limit_request_fields, limit_request_field_size = 4094, 50, 8190
forwarded_allow_ips = ""  # only the application reads proxy headers, as PROXY_HOPS allows
worker_tmp_dir = str(_memory) if _memory.is_dir() else None  # a heartbeat must not wait for a busy disk
# No accesslog: greeter/web/request_log.py logs the requests that matter, without complete job ids.
# With --reload: the folder changes when a file is added or removed, and a file that fails to import is no module.
reload_extra_files = ["greeter/tools", "greeter/tools/**/*.py"]
control_socket_disable = True  # it is in the home directory, where two installations would conflict

_ENDED = "histogram_ended.db"  # the measurements of all processes that have ended
_METRICS_BYTES = 2 * 1024 * 1024  # for one process: 200 bytes for each bucket, route and status
_M_ARENA_MAX = -8  # the option of mallopt(3)
_NO_MEMORY = "No memory for shared metrics on %s (%s): /metrics shows the requests of single processes."


def on_starting(arbiter: Arbiter) -> None:
    """Check Redis and DATA_DIR, and load the application, whose memory the processes share, unless they reload it."""
    _limit_arenas()
    redis_check.check(_settings.redis_url)
    fitness.check(_settings)
    _create_metrics_folder()
    arbiter.spawn_workers = partial(_spawn, arbiter.spawn_workers)  # type: ignore[method-assign]
    if arbiter.cfg.reload:
        return
    arbiter.app.wsgi()  # not through preload_app, which loads it before there is the folder
    import_module("greeter.web.server.malformed")  # which each process needs too
    # The collector writes to every object that it visits, and so would copy the shared memory to each process.
    gc.collect()
    gc.freeze()


def _spawn(spawn_workers: Callable[[], None]) -> None:
    """Start missing processes, unless the system refuses: then gunicorn, which would exit, tries again a second later.

    Args:
        spawn_workers: gunicorn's own function.
    """
    try:
        spawn_workers()
    except OSError as error:
        _log.error("a process of the web could not be started: %s", error)


def _limit_arenas() -> None:
    """Make the threads share two arenas of memory. By default, glibc has up to eight for each core of the machine.

    The free memory of an arena is of no use to a thread with another one. Python runs one thread at a time.
    """
    with suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)


def _create_metrics_folder() -> None:
    """Create a folder in memory in which the processes share their measurements.

    They are mapped files. A write to one on a full disk would kill the process with SIGBUS.
    """
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
    for left in _memory.glob(f"greeter-{_settings.web_port}-*"):  # by a master that was killed
        shutil.rmtree(left, ignore_errors=True)
    if _memory.is_dir():
        try:
            folder = tempfile.mkdtemp(prefix=f"greeter-{_settings.web_port}-", dir=_memory)
            _reserve(Path(folder, _ENDED))
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        except OSError as error:
            _log.warning(_NO_MEMORY, _memory, error)


def post_fork(arbiter: Arbiter, worker: Worker) -> None:
    """Reserve memory for the measurements of a new process."""
    if folder := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        try:
            _reserve(Path(folder, f"histogram_{worker.pid}.db"))
        except OSError as error:
            from prometheus_client import values  # reads PROMETHEUS_MULTIPROC_DIR when it is imported

            del os.environ["PROMETHEUS_MULTIPROC_DIR"]
            values.ValueClass = values.MutexValue
            _log.warning(_NO_MEMORY, _memory, error)


def _reserve(path: Path) -> None:
    """Create a file of zeros in memory, so that later writes to it need no more memory."""
    try:
        path.write_bytes(bytes(_METRICS_BYTES))
    except OSError:
        path.unlink(missing_ok=True)
        raise


def child_exit(arbiter: Arbiter, worker: Worker) -> None:
    """Add the metrics of an ended process to those of earlier ones, so that their files do not accumulate."""
    from prometheus_client.mmap_dict import MmapedDict

    folder = Path(os.environ.get("PROMETHEUS_MULTIPROC_DIR", os.devnull))
    ended, metrics_file = folder / _ENDED, folder / f"histogram_{worker.pid}.db"
    if metrics_file.exists() and ended.exists():
        sums = MmapedDict(str(ended))
        for key, value, time, _ in MmapedDict.read_all_values_from_file(str(metrics_file)):
            sums.write_value(key, sums.read_value(key)[0] + value, time)
        sums.close()
        metrics_file.unlink()


def on_exit(arbiter: Arbiter) -> None:
    """Remove the folder of the measurements."""
    if folder := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        shutil.rmtree(folder, ignore_errors=True)


class logger_class(Logger):  # noqa: N801  the name of gunicorn's setting
    """Use the log format of all processes."""

    def setup(self, cfg: Config) -> None:
        """Replace gunicorn's log format."""
        super().setup(cfg)
        configure(_settings.production)
