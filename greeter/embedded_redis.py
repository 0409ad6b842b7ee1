"""Run the embedded Redis: `python -m greeter.embedded_redis` starts valkey-server, and restarts it when it dies.

If REDIS_URL names another server, or one that is already running, it stays idle.
"""

import math
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

from greeter import disk_reserve
from greeter.output import open_missing_streams, write
from greeter.redis_server import find_server, is_up, quote, send, start
from greeter.redis_url import RedisUrl
from greeter.settings_loader import load_settings

_CHECK_INTERVAL = 0.25  # seconds
_RESTART_DELAY = 1  # second
# Seconds until a server that does not stop is killed, which loses nothing: each reply has waited for the disk. A disk
# with 50 MB/s writes 2 GB in this time, and systemd would kill both after 60 seconds.
_STOP_PATIENCE = 45
_BIND_ADDRESSES = {"127.0.0.1": "127.0.0.1", "localhost": "127.0.0.1 -::1", "::1": "::1"}


def main() -> None:
    """Run the server until this process receives SIGTERM or SIGINT, then exit with the server's status."""
    open_missing_streams()
    settings = load_settings()
    url = RedisUrl.parse(settings.redis_url)
    host, port = url.nodes[0]
    if not url.is_embedded or is_up(url):
        _report(f"REDIS_URL names another server, on {host}: the embedded Redis stays idle.")
        signal.pause()
    folder = settings.data_dir / "redis"
    (folder / "appendonlydir").mkdir(parents=True, exist_ok=True)
    config = {
        "bind": _BIND_ADDRESSES[host],
        "port": port,
        "dir": quote(folder),
        "appendonly": "yes",
        "appendfsync": "always",  # no reply leaves before what it reports is on the disk
        "save": '""',
        "maxmemory-policy": "noeviction",
        "hash-max-listpack-value": 1024,  # bytes; keeps the record of a waiting job compact
        "loglevel": "warning",
    }
    if url.password:
        config["requirepass"] = quote(url.password)
    sys.exit(_Supervisor(find_server(), config, folder, url).run())


class _Supervisor:
    """Runs the server, restarts it when it dies, and keeps its disk reserve."""

    def __init__(self, server: str, config: Mapping[str, object], folder: Path, url: RedisUrl) -> None:
        self._server, self._config, self._url = server, config, url
        self._folder = folder / "appendonlydir"
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = self._has_answered = False
        self._kill_at = math.inf

    def run(self) -> int:
        """Run the server until it is stopped, and return its exit status. Give up if it cannot start at all."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        while True:
            status = self._serve()
            if self._stopping or not (self._has_answered or status < 0):
                return status if status >= 0 else 128 - status
            _report(f"The server exited with status {status}. Restarting it.")
            time.sleep(_RESTART_DELAY)

    def _stop(self, number: int, frame: object) -> None:
        self._stopping = True
        self._kill_at = min(self._kill_at, time.monotonic() + _STOP_PATIENCE)
        if self._process:
            self._process.terminate()

    def _serve(self) -> int:
        """Start the server, and return its exit status when it has ended."""
        state: dict[str, int] = {}
        with suppress(OSError):
            state = disk_reserve.renew(self._folder)
        self._process = start(self._server, {**self._config, **state})
        output = threading.Thread(target=_pass_on, args=(self._process.stdout,), daemon=True)
        output.start()
        if self._stopping:  # the signal arrived before there was a process
            self._process.terminate()
        while (status := self._process.poll()) is None:
            time.sleep(_CHECK_INTERVAL)
            if time.monotonic() > self._kill_at:
                _report(f"The server has not stopped within {_STOP_PATIENCE} seconds, and is killed.")
                self._process.kill()
                self._kill_at = math.inf  # it may still wait for its disk: report this once
            self._has_answered = self._has_answered or is_up(self._url)
            with suppress(OSError):  # try again next time
                needed = disk_reserve.renew(self._folder)
                if needed != state and _configure(self._url, needed):
                    state = needed
        output.join(_RESTART_DELAY)  # it may say why it ended
        return status


def _configure(url: RedisUrl, settings: Mapping[str, int]) -> bool:
    """Change settings of the running server, and return whether it has done so."""
    done = all(send(url, f"CONFIG SET {name} {value}") for name, value in settings.items())
    if done:
        _report(f"Adapted the server to the free disk space: {settings}")
    return done


def _pass_on(lines: IO[bytes]) -> None:
    """Print what the server prints. It would wait, and answer nobody, if it printed to a log that nobody reads."""
    for line in lines:
        _print(line)


def _report(event: str) -> None:
    _print(f"{event}\n".encode())


def _print(line: bytes) -> None:
    with suppress(OSError):  # the log may be on the disk that is full
        write(1, line, patience=0)  # nothing, if nobody reads it


if __name__ == "__main__":
    main()
