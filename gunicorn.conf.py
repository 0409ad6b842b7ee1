"""gunicorn's settings; it reads this file by itself."""

import os
import shutil
from pathlib import Path

from gunicorn.arbiter import Arbiter
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.workers.base import Worker

from greeter.jobs import redis_check
from greeter.logs import configure
from greeter.settings import Settings

_settings = Settings.load()
_host = f"[{_settings.web_host}]" if ":" in _settings.web_host else _settings.web_host
_memory = Path("/dev/shm")  # gunicorn makes files there that have no name  # nosec B108

bind = f"{_host}:{_settings.web_port}"
worker_class = "gthread"
workers = 2
threads = 32  # a poll takes milliseconds, but a slow client holds a thread while it sends
keepalive = 5  # longer than a page waits between two polls, so that it needs no new connection
timeout = 30
graceful_timeout = 4  # honcho kills after 5 seconds
max_requests, max_requests_jitter = 20_000, 2_000  # a worker that leaks is replaced before it matters
limit_request_line, limit_request_fields, limit_request_field_size = 4094, 50, 8190
forwarded_allow_ips = ""  # the application alone reads what a proxy says, as PROXY_HOPS tells it
worker_tmp_dir = str(_memory) if _memory.is_dir() else None  # a sign of life must not wait for a busy disk
# No accesslog: greeter/web/request_log.py knows which requests are worth a line, and leaves the job's id out.
control_socket_disable = True  # it lies in the home folder, where two copies of the app would meet

_metrics = _settings.data_dir / "metrics"
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_metrics)  # where the processes add up what they measure


def on_starting(arbiter: Arbiter) -> None:
    """See that Redis can be used, and begin to measure anew."""
    redis_check.check(_settings.redis_url)
    shutil.rmtree(_metrics, ignore_errors=True)
    _metrics.mkdir(parents=True)


def child_exit(arbiter: Arbiter, worker: Worker) -> None:
    """Add what a process measured to what those before it did, lest there be a file of each for ever."""
    from prometheus_client.mmap_dict import MmapedDict  # which looks for PROMETHEUS_MULTIPROC_DIR when it is imported

    left = _metrics / f"histogram_{worker.pid}.db"
    if left.exists():
        sums = MmapedDict(str(_metrics / "histogram_ended.db"))
        for key, value, time, _ in MmapedDict.read_all_values_from_file(str(left)):
            sums.write_value(key, sums.read_value(key)[0] + value, time)
        sums.close()
        left.unlink()


class logger_class(Logger):  # noqa: N801  the name of the setting
    """Writes as every other process does."""

    def setup(self, cfg: Config) -> None:
        """Take the place of gunicorn's own format."""
        super().setup(cfg)
        configure(_settings.production)
