"""gunicorn's settings; it reads this file by itself."""

import os

from greeter.settings import Settings

_settings = Settings.from_env(os.environ)
_host = f"[{_settings.web_host}]" if ":" in _settings.web_host else _settings.web_host

bind = f"{_host}:{_settings.web_port}"
worker_class = "gthread"
workers = 2
threads = 32  # a poll takes milliseconds, but a slow client holds a thread while it sends
timeout = 30
graceful_timeout = 4  # honcho kills after 5 seconds
control_socket_disable = True  # it lies in the home folder, where two copies of the app would meet
