"""Configuration of gunicorn, which loads this file by its name."""

import os
import shutil
from pathlib import Path

from gunicorn.arbiter import Arbiter
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.workers.base import Worker

from greeter.jobs import fitness, redis_check
from greeter.logs import configure
from greeter.settings import Settings

_settings = Settings.load()
_host = f"[{_settings.web_host}]" if ":" in _settings.web_host else _settings.web_host
_memory = Path("/dev/shm")  # gunicorn's files there have no name  # nosec B108

bind = f"{_host}:{_settings.web_port}"
worker_class = "gthread"
workers = 2
threads = 32  # a poll takes milliseconds, but a slow client occupies a thread while it sends
keepalive = 5  # seconds, longer than a page waits between two polls, so that they share a connection
timeout = 30
graceful_timeout = 4  # honcho kills after 5 seconds
max_requests, max_requests_jitter = 20_000, 2_000  # replaces a worker before a memory leak matters
limit_request_line, limit_request_fields, limit_request_field_size = 4094, 50, 8190
forwarded_allow_ips = ""  # only the application reads proxy headers, as PROXY_HOPS allows
worker_tmp_dir = str(_memory) if _memory.is_dir() else None  # a heartbeat must not wait for a busy disk
# No accesslog: greeter/web/request_log.py logs the requests that matter, without complete job ids.
control_socket_disable = True  # it is in the home directory, where two installations would conflict

_metrics = _settings.data_dir / "metrics"
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_metrics)  # where the processes share their measurements


def on_starting(arbiter: Arbiter) -> None:
    """Check Redis and DATA_DIR, and reset the metrics."""
    redis_check.check(_settings.redis_url)
    fitness.check(_settings)
    shutil.rmtree(_metrics, ignore_errors=True)
    _metrics.mkdir(parents=True)


def child_exit(arbiter: Arbiter, worker: Worker) -> None:
    """Add the metrics of an ended process to those of earlier ones, so that their files do not accumulate."""
    from prometheus_client.mmap_dict import MmapedDict  # reads PROMETHEUS_MULTIPROC_DIR when it is imported

    metrics_file = _metrics / f"histogram_{worker.pid}.db"
    if metrics_file.exists():
        sums = MmapedDict(str(_metrics / "histogram_ended.db"))
        for key, value, time, _ in MmapedDict.read_all_values_from_file(str(metrics_file)):
            sums.write_value(key, sums.read_value(key)[0] + value, time)
        sums.close()
        metrics_file.unlink()


class logger_class(Logger):  # noqa: N801  the name of gunicorn's setting
    """Use the log format of all processes."""

    def setup(self, cfg: Config) -> None:
        """Replace gunicorn's log format."""
        super().setup(cfg)
        configure(_settings.production)
