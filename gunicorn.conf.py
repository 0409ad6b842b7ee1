"""gunicorn's settings; it reads this file by itself."""

from pathlib import Path

from gunicorn.config import Config
from gunicorn.glogging import Logger

from greeter.core.logs import configure
from greeter.settings import Settings

_settings = Settings.load()
_host = f"[{_settings.web_host}]" if ":" in _settings.web_host else _settings.web_host
_memory = Path("/dev/shm")

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
# No accesslog: greeter/web/access.py knows which requests are worth a line, and leaves the job's id out.
control_socket_disable = True  # it lies in the home folder, where two copies of the app would meet


class logger_class(Logger):  # noqa: N801  the name of the setting
    """Writes as every other process does."""

    def setup(self, cfg: Config) -> None:
        """Take the place of gunicorn's own format."""
        super().setup(cfg)
        configure(_settings.production)
